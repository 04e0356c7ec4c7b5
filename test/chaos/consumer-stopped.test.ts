import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openBroker } from '@banyan/banyan';
import { silentLogger, systemClock } from '@banyan/core';
import type { EventLog, StartAt } from '@banyan/events';
import { createPostgresInbox, openPostgresEngines } from '@banyan/postgres';
import { until } from '@banyan/testing';
import { enginesUnderTest } from '../support/engines.ts';
import { type EventChaos, startEventChaos } from '../support/event-chaos.ts';
import { seed } from '../support/random.ts';

/** How long the consumer is away; 60 for a long run. */
const seconds = Number(process.env['BANYAN_SECONDS'] ?? 4);
const places = [['source'], ['source'], ['sink'], ['sink']] as const;
const consumers = [2, 3];
const looks = 4;

/** The consumer goes away under load, and what it has to do piles up; it comes back under the same load, and catches up. */
for (const { name, broker, skip, clear } of enginesUnderTest(`stopped-${seed}`)) {
  test(`a consumer that is stopped for ${seconds} s under load: its backlog rises, drains to 0, and nothing is lost on ${name}`, {
    skip,
  }, async (t) => {
    t.diagnostic(`BANYAN_SEED=${seed}`);
    const chaos = await startEventChaos(t, { places, keys: 40, seed, broker, paceMs: 20 });
    t.after(clear);
    const lag = await createLagGauge(t, chaos, broker);
    await until(async () => (await chaos.count()).effects > 0, 'the first items have their effect');
    await Promise.all(consumers.map((index) => chaos.empty(index)));
    const { effects } = await chaos.count();
    const heights = [await lag()];
    for (let look = 0; look < looks; look += 1) {
      const { sent } = await chaos.count();
      await pause((seconds / looks) * 1_000);
      // Everything that was sent before: what is on its way from the outbox comes within a moment.
      await until(async () => (await lag()) >= sent - effects, 'the backlog shows what was sent');
      heights.push(await lag());
    }
    assert.equal((await chaos.count()).effects, effects, 'nobody is there to handle anything');
    assert.deepEqual(
      heights,
      heights.toSorted((a, b) => a - b),
      'the backlog rises',
    );
    const peak = heights.at(-1) ?? 0;
    assert.ok(peak > (heights[0] ?? 0), `the backlog stayed at ${peak}`);

    for (const index of consumers) chaos.fill(index);
    await chaos.allReady();
    const metric = async (wanted: string) => {
      const pages = await Promise.all(consumers.map((index) => chaos.metrics(index)));
      return Math.max(...pages.map((page) => readGauge(page, wanted)));
    };
    await until(async () => (await metric('banyan_consumer_lag')) > 0, 'the metric shows the backlog');
    // The sources still send: the consumer is faster than they are.
    await until(async () => (await lag()) < peak / 10, 'the backlog drains under load');
    await chaos.settle(60_000);
    await until(async () => (await lag()) === 0, 'the backlog is gone');
    await until(async () => (await metric('banyan_consumer_lag')) === 0, 'the metric shows that it is gone');
    assert.equal(await metric('banyan_consumer_dead'), 0);
    const items = await chaos.check();
    t.diagnostic(`${items} items; backlog ${heights.join(', ')}, then 0`);
  });
}

/** Events in the log that the consumer has not taken in, and those that it has and has not handled: as `banyan events status` reckons. */
async function createLagGauge(
  t: TestContext,
  chaos: EventChaos,
  broker: string | undefined,
): Promise<() => Promise<number>> {
  const log = await openLog(t, chaos, broker);
  const inbox = createPostgresInbox(chaos.sinkDatabase);
  const topic = 'source.sent';
  return async () => {
    const from = new Map<number, StartAt>();
    for (let partition = 0; partition < log.partitions; partition += 1) from.set(partition, 'start');
    for (const { partition, positions } of await inbox.places(log.id)) {
      const position = positions[topic];
      if (position !== undefined) from.set(partition, position);
    }
    const { pending } = await inbox.counts();
    return pending + (await log.lag({ group: 'sink', topics: [topic], from }));
  };
}

async function openLog(t: TestContext, chaos: EventChaos, broker: string | undefined): Promise<EventLog> {
  const options = { clock: systemClock, logger: silentLogger };
  const given = await openBroker(broker, options);
  const engines = await openPostgresEngines({
    platformUrl: chaos.platformUrl,
    serviceUrls: {},
    ...(broker === undefined ? { outboxUrls: chaos.outboxUrls } : undefined),
    ...(given === undefined ? undefined : { log: given }),
    ...options,
  });
  t.after(() => engines.close());
  return engines.log;
}

function readGauge(page: string, wanted: string): number {
  const line = page.split('\n').find((each) => each.startsWith(`${wanted}{service="sink"`));
  assert.ok(line !== undefined, `there is no ${wanted}`);
  return Number(line.slice(line.lastIndexOf(' ')));
}
