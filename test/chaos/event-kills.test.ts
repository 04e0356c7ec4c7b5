import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { enginesUnderTest } from '../support/engines.ts';
import { startEventChaos } from '../support/event-chaos.ts';
import { createRandom, seed } from '../support/random.ts';

const kills = Number(process.env['BANYAN_KILLS'] ?? 10);
const processes = 3;

/** Promise 2 of the design, on every engine: relay, broker connection and consumer die with their process, at any moment. */
for (const { name, broker, skip } of enginesUnderTest(`chaos-${seed}`)) {
  test(`no event is lost, doubled or overtaken through ${kills} kills on ${name}`, { skip }, async (t) => {
    t.diagnostic(`BANYAN_SEED=${seed}`);
    const random = createRandom(seed);
    const chaos = await startEventChaos(t, { processes, keys: 40, seed, broker });
    for (let count = 0; count < kills; count += 1) {
      const victim = Math.floor(random() * processes);
      await chaos.ready(victim);
      await pause(random() * 400);
      chaos.kill(victim);
    }
    await chaos.settle(60_000);
    const items = await chaos.check();
    t.diagnostic(`${items} items`);
    assert.ok(items > kills * 10, `only ${items} items were sent`);
  });
}
