import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestSystem } from '@banyan/testing';
import { office } from '../office/contract.ts';
import system from '../system.ts';
import { eventually } from './eventually.ts';

const environment = { ARCHIVE_SEARCH_MS: '0' };

test('after a move a direct caller looks the new address up; through the broker nothing changes', async (t) => {
  const placement = [['gateway', 'office'], ['archive']];
  const running = await startTestSystem(t, system, { placement, environment });
  const client = running.client(office, { timeoutMs: 60_000 });
  const before = await client.searchAndWait({ words: 'deed' });
  assert.equal((await client.searchThroughBroker({ words: 'deed' })).instance, before.found.instance);
  await running.hosts[1]?.stop();
  // Nobody is there; the broker keeps it for whoever comes.
  const waiting = client.searchThroughBroker({ words: 'deed' });
  await running.addHost(['archive']);
  const moved = await waiting;
  assert.notEqual(moved.instance, before.found.instance);
  const direct = await eventually(
    () => client.searchAndWait({ words: 'deed' }).catch(() => undefined),
    (answer) => answer !== undefined,
  );
  assert.equal(direct?.found.instance, moved.instance);
});

test('two instances behind the broker share the requests', async (t) => {
  const placement = [['gateway', 'office'], ['archive'], ['archive']];
  const running = await startTestSystem(t, system, { placement, environment });
  const client = running.client(office, { timeoutMs: 60_000 });
  const servedBy = new Set<string>();
  await eventually(
    async () => {
      const searches = Array.from({ length: 12 }, () => client.searchThroughBroker({ words: 'deed' }));
      for (const { instance } of await Promise.all(searches)) servedBy.add(instance);
      return servedBy.size;
    },
    (size) => size === 2,
  );
  assert.deepEqual([...servedBy].sort(), ['archive-2', 'archive-3']);
});
