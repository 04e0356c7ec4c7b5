import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createPostgresInbox } from '@banyan/postgres';
import { eventually } from '@banyan/testing';
import { enginesUnderTest } from '../support/engines.ts';
import { startEventChaos } from '../support/event-chaos.ts';
import { createRandom, seed } from '../support/random.ts';

const seconds = Number(process.env['BANYAN_SECONDS'] ?? 8);
const places = [
  ['source', 'sink'],
  ['source', 'sink'],
  ['source', 'sink'],
] as const;

/** Consumers of one group come and go while events flow; twelve partitions change hands. */
for (const { name, broker, skip, clear } of enginesUnderTest(`members-${seed}`)) {
  test(`every event once while consumers join and leave for ${seconds} s on ${name}`, { skip }, async (t) => {
    t.diagnostic(`BANYAN_SEED=${seed}`);
    const random = createRandom(seed);
    const chaos = await startEventChaos(t, { places, keys: 40, seed, broker });
    t.after(clear);
    const endMs = Date.now() + seconds * 1_000;
    let changes = 0;
    while (Date.now() < endMs) {
      const index = Math.floor(random() * places.length);
      await chaos.ready(index);
      await pause(random() * 600);
      if (random() < 0.7) chaos.leave(index);
      else chaos.kill(index);
      changes += 1;
    }
    // On a slow machine who came last has sent and taken nothing yet.
    await chaos.allReady();
    await eventually(
      () => chaos.count(),
      ({ sent }) => sent > seconds * 10,
    );
    const inbox = createPostgresInbox(chaos.sinkDatabase);
    const { rebalances } = await eventually(
      () => inbox.counts(),
      (counts) => counts.rebalances >= changes,
    );
    await chaos.settle(60_000);
    const items = await chaos.check();
    t.diagnostic(`${items} items, ${changes} changes of members, ${rebalances} partitions changed hands`);
  });
}
