import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '@banyan/testing';
import { lacksServer, startOwnServer } from '../../packages/nats/test/own-server.ts';
import { startEventChaos } from '../support/event-chaos.ts';
import { seed } from '../support/random.ts';

/** How far the store is put back; 30 for a long run. */
const seconds = Number(process.env['BANYAN_SECONDS'] ?? 3);
const places = [['source'], ['source'], ['sink'], ['sink']] as const;
const consumers = [2, 3];

/** A broker that comes back from a backup has lost what it had confirmed since. The outboxes still have it. */
test(`a NATS store that is put back by ${seconds} s under load: what it lost is published again, and every effect happens once, in order`, {
  skip: lacksServer,
}, async (t) => {
  t.diagnostic(`BANYAN_SEED=${seed}`);
  const server = await startOwnServer();
  const broker = `${server.url}?name=chaos`;
  const chaos = await startEventChaos(t, { places, keys: 40, seed, broker, paceMs: 20 });
  t.after(() => server.remove());
  const progress = async () => {
    const { effects } = await chaos.count();
    while ((await chaos.count()).effects < effects + 100) await pause(20);
  };
  // Once while consumers have handled what gets lost, and stand where the store ends no longer; once while nobody has.
  for (const isAway of [false, true]) {
    await progress();
    await server.stop();
    await server.saveStore();
    await server.start();
    await progress();
    if (isAway) await Promise.all(consumers.map((index) => chaos.empty(index)));
    const { sent: saved } = await chaos.count();
    await pause(seconds * 1_000);
    const { sent } = await eventually(
      () => chaos.count(),
      (count) => count.sent - saved > 100,
    );
    await server.stop();
    await server.restoreStore();
    await server.start();
    if (isAway) for (const index of consumers) chaos.fill(index);
    await progress();
    t.diagnostic(`the store lost about ${sent - saved} items`);
  }
  await chaos.settle(120_000);
  t.diagnostic(`${await chaos.check()} items`);
});
