import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '@banyan/testing';
import { enginesUnderFault } from '../support/broker-under-fault.ts';
import { startDatabaseUnderFault } from '../support/database-under-fault.ts';
import { startEventChaos } from '../support/event-chaos.ts';
import { type FaultKind, faultKinds, planFaults } from '../support/fault-plan.ts';
import { strike } from '../support/fault-run.ts';
import { createRandom, seed } from '../support/random.ts';

/** Faults on each engine; 1000 for a long run. */
const kills = Number(process.env['BANYAN_KILLS'] ?? 24);
const places = [['source'], ['source'], ['sink'], ['sink'], ['sink']] as const;

/** Promise 2 of the design, on every engine: relays, consumers, connections, brokers and the database server die at any moment. */
for (const { name, skip, start } of await enginesUnderFault()) {
  test(`no event is lost, doubled or overtaken through ${kills} faults on ${name}`, {
    skip,
    timeout: 150_000 + kills * 3_000,
  }, async (t) => {
    t.diagnostic(`BANYAN_SEED=${seed}`);
    const random = createRandom(seed);
    const endings: (() => unknown)[] = [];
    const scope = { after: (end: () => unknown) => void endings.unshift(end) };
    t.after(async () => {
      for (const end of endings) await end();
    });
    const database = await startDatabaseUnderFault();
    scope.after(() => database.close());
    const broker = await start?.();
    scope.after(() => broker?.close());
    const chaos = await startEventChaos(scope, {
      places,
      keys: 40,
      seed,
      broker: broker?.url,
      paceMs: 30,
      adminUrl: database.adminUrl,
    });
    const possible = new Set<FaultKind>(faultKinds);
    if (broker === undefined)
      for (const kind of ['pause broker', 'kill broker'] as const) possible.delete(kind);
    const beganMs = performance.now();
    const elapsed = () => Math.round((performance.now() - beganMs) / 1_000);
    const { counts, sessions } = await strike(planFaults(kills, random, possible), {
      places: chaos,
      relays: [0, 1],
      consumers: [2, 3, 4],
      database,
      broker,
    });
    const seconds = elapsed();
    // Who was killed while the broker was away has sent nothing since: everybody goes on by itself, and then sends enough.
    await chaos.allReady();
    const atTheEnd = (await chaos.count()).sent;
    await eventually(
      () => chaos.count(),
      ({ sent }) => sent > Math.max(kills * 5, atTheEnd + 50),
    );
    await chaos.settle(90_000);
    const items = await chaos.check();
    const listed = faultKinds.filter((kind) => counts.has(kind)).map((kind) => `${counts.get(kind)} ${kind}`);
    t.diagnostic(
      `${items} items; faults in ${seconds} s, settled after ${elapsed()} s: ${listed.join(', ')}; ${sessions} sessions ended`,
    );
    assert.ok(sessions > 0, 'no session was there to end');
  });
}
