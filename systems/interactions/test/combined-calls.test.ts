import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, startTestSystem } from '@banyan/testing';
import { archive } from '../archive/contract.ts';
import { office } from '../office/contract.ts';
import system from '../system.ts';

const placements = {
  'in one process': [['gateway', 'office', 'archive']],
  split: [['gateway', 'office'], ['archive']],
};
// The cellar never answers in time.
const environment = { ARCHIVE_SEARCH_MS: '110000' };
const rooms = ['desk', 'cellar'] as const;

for (const [name, placement] of Object.entries(placements)) {
  test(`calls are combined, timed out and cancelled; a cancelled call stops upstream (${name})`, async (t) => {
    const running = await startTestSystem(t, system, { placement, environment });
    const desk = running.client(office, { timeoutMs: 110_000 });
    const searches = running.client(archive, { service: 'office' });
    const statesOf = async (room: string) =>
      (await searches.listSearches({})).filter((each) => each.room === room).map(({ state }) => state);
    const allStopped = () =>
      eventually(
        () => statesOf('cellar'),
        (states) => !states.includes('begun'),
      );

    // The first answer is enough: the other search is cancelled, and stops. (It may be cancelled before it has begun.)
    await eventually(
      async () => {
        const first = await desk.searchFirstRoom({ words: 'deed', rooms: [...rooms] });
        assert.deepEqual([first.room, first.pages], ['desk', 4]);
        return allStopped();
      },
      (states) => states.length > 0,
    );

    // All answers that come in time; the search that does not end in time stops.
    const inTime = await desk.searchAllRooms({ words: 'deed', rooms: [...rooms], withinMs: 3_000 });
    assert.deepEqual(
      inTime.found.map(({ room }) => room),
      ['desk'],
    );
    assert.deepEqual(inTime.missing, ['cellar']);
    await allStopped();

    // Whoever asked leaves: what was asked on their behalf stops too, two services away.
    const leaving = new AbortController();
    const { signal } = leaving;
    const left = assert.rejects(desk.searchFirstRoom({ words: 'deed', rooms: ['cellar'] }, { signal }), {
      code: 'cancelled',
    });
    await eventually(
      () => statesOf('cellar'),
      (states) => states.includes('begun'),
    );
    leaving.abort();
    await left;
    const states = await allStopped();
    assert.deepEqual(new Set(states), new Set(['stopped']));
    assert.deepEqual(new Set(await statesOf('desk')), new Set(['done']));
  });
}
