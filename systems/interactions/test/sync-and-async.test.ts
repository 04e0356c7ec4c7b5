import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@banyan/banyan';
import { startTestSystem } from '@banyan/testing';
import { office } from '../office/contract.ts';
import system from '../system.ts';
import { eventually } from './eventually.ts';

const placements = {
  'in one process': [['gateway', 'office', 'archive']],
  split: [['gateway', 'office'], ['archive']],
};
const searchMs = 1_000;
const environment = { ARCHIVE_SEARCH_MS: String(searchMs) };

for (const [name, placement] of Object.entries(placements)) {
  test(`a call returns when the callee has finished, and its caller stands idle meanwhile (${name})`, async (t) => {
    const running = await startTestSystem(t, system, { placement, environment });
    const startedMs = performance.now();
    const { found, stamped } = await running.client(office).searchAndWait({ words: 'deed' });
    // Timers may be early by less than a millisecond.
    assert.ok(performance.now() - startedMs >= searchMs - 2);
    assert.equal(found.pages, 4);
    assert.equal(stamped, 0);
  });

  test(`a sender works on while its message is handled, and fetches the result from its queue (${name})`, async (t) => {
    const running = await startTestSystem(t, system, { placement, environment });
    const client = running.client(office, { timeoutMs: 60_000 });
    const { found, stamped } = await client.searchWhileWorking({ words: 'testament' });
    assert.equal(found.pages, 9);
    // One letter would be as idle as a call: the answer would have been there when the first one was done.
    assert.ok(stamped > 1, `${stamped} letters`);
  });
}

test('with the callee down a call fails; what was sent is answered after it has come back', async (t) => {
  const running = await startTestSystem(t, system, { placement: placements.split, environment });
  const client = running.client(office, { timeoutMs: 3_000 });
  await running.hosts[1]?.stop();
  await assert.rejects(client.searchAndWait({ words: 'deed' }), (error: unknown) => {
    assert.ok(
      isServiceError(error) && ['unavailable', 'deadline_exceeded'].includes(error.code),
      String(error),
    );
    return true;
  });
  const { searchId } = await client.searchLater({ words: 'deed' });
  assert.deepEqual(await client.getSearch({ searchId }), { state: 'waiting' });
  await running.addHost(['archive']);
  const answer = await eventually(
    () => client.getSearch({ searchId }),
    ({ state }) => state === 'answered',
  );
  assert.equal(answer.found?.pages, 4);
});
