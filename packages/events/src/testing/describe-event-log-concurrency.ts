import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isServiceError } from '@banyan/core';
import type { CloudEvent } from '../cloud-event.ts';
import { toEncodedEvent } from '../encoded-event.ts';
import type { EventLog } from '../event-log.ts';
import { createLogDriver, type EventLogFixture, type Follower, type LogDriver } from './log-driver.ts';
import { sampleEvent } from './samples.ts';

const placed = ['orders.placed'];
const publishers = 4;
const batches = 30;
const perBatch = 3;
const keysEach = 2;

/** The part of the conformance suite that is about several publishers and readers at once, and an engine that restarts. */
export function describeEventLogConcurrency(name: string, create: () => Promise<EventLogFixture>): void {
  describe(`concurrency in the event log on ${name}`, () => {
    let driver: LogDriver;
    beforeEach(async () => {
      driver = createLogDriver(await create());
    });
    afterEach(() => driver.close());

    test('a reader that follows concurrent publishers misses nothing, sees nothing twice, and keeps the order of keys', async () => {
      const { log, other, follow } = driver;
      const reader = await follow(placed, { log: other });
      const published = publishAll((publisher) => (publisher % 2 === 0 ? log : other));
      await readAll(reader, { reopenEvery: Number.POSITIVE_INFINITY });
      await published;
      assertComplete(reader.seen);
      await reader.readUntil(publishers * batches * perBatch);
    });

    test('a reader that is closed and opened again and again misses nothing and sees nothing twice', async () => {
      const { log, other, follow } = driver;
      const reader = await follow(placed, { group: 'mail' });
      const published = publishAll((publisher) => (publisher % 2 === 0 ? log : other));
      await readAll(reader, { reopenEvery: 10 });
      await published;
      assertComplete(reader.seen);
    });

    test('readers that share the partitions see everything once between them', async () => {
      const { log, other, follow } = driver;
      const from = log.features.replay ? 'start' : 'end';
      const mine = Array.from({ length: log.partitions }, (_, partition) => partition);
      const [left, right] = await Promise.all(
        [0, 1].map((half) =>
          follow(placed, {
            group: 'mail',
            log: half === 0 ? log : other,
            from: new Map(
              mine.filter((partition) => partition % 2 === half).map((partition) => [partition, from]),
            ),
          }),
        ),
      );
      assert.ok(left && right);
      const published = publishAll((publisher) => (publisher % 2 === 0 ? log : other));
      const endsAtMs = Date.now() + 60_000;
      const total = publishers * batches * perBatch;
      const isDone = () => left.seen.length + right.seen.length >= total || Date.now() > endsAtMs;
      await Promise.all(
        [left, right].map(async (reader) => {
          while (!isDone()) await reader.page(20, 50);
        }),
      );
      await published;
      assertComplete([...left.seen, ...right.seen]);
    });

    test('an engine that restarts in the middle loses nothing that is published again until it is confirmed', async (t) => {
      const { log, other, follow, faults } = driver;
      if (faults?.restart === undefined) return t.skip('shared: this engine is not ours to restart');
      const reader = await follow(placed, { group: 'mail', log: other });
      const published = publishAll((publisher) => (publisher % 2 === 0 ? log : other), untilConfirmed);
      const restarted = faults.restart();
      await readAll(reader, { reopenEvery: 25, isPatient: true });
      await Promise.all([published, restarted]);
      assertComplete(firstSightings(reader.seen));
    });
  });
}

/** Each publisher has keys of its own, with numbers that rise by one within each key. */
async function publishAll(
  logOf: (publisher: number) => EventLog,
  publish: (log: EventLog, events: readonly CloudEvent[]) => Promise<void> = (log, events) =>
    log.publish(events.map(toEncodedEvent)),
): Promise<void> {
  await Promise.all(
    Array.from({ length: publishers }, async (_, publisher) => {
      for (let batch = 0; batch < batches; batch += 1) {
        const key = `p${publisher}-${batch % keysEach}`;
        const first = Math.floor(batch / keysEach) * perBatch;
        const numbers = Array.from({ length: perBatch }, (_, part) => first + part);
        await publish(
          logOf(publisher),
          numbers.map((number) => sampleEvent(key, number)),
        );
      }
    }),
  );
}

async function untilConfirmed(log: EventLog, events: readonly CloudEvent[]): Promise<void> {
  const encoded = events.map(toEncodedEvent);
  const endsAtMs = Date.now() + 90_000;
  for (;;) {
    try {
      return await log.publish(encoded);
    } catch (error) {
      if (!isServiceError(error) || error.code !== 'unavailable' || Date.now() > endsAtMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function readAll(
  reader: Follower,
  { reopenEvery, isPatient = false }: { readonly reopenEvery: number; readonly isPatient?: boolean },
): Promise<void> {
  const endsAtMs = Date.now() + 90_000;
  const distinct = () => firstSightings(reader.seen).length;
  for (let page = 1; distinct() < publishers * batches * perBatch; page += 1) {
    assert.ok(Date.now() < endsAtMs, `${distinct()} of ${publishers * batches * perBatch} events were read`);
    try {
      await reader.page(7, 50);
      if (page % reopenEvery === 0) await reader.reopen();
    } catch (error) {
      if (!isPatient || !isServiceError(error) || error.code !== 'unavailable') throw error;
      await reopenLater(reader, endsAtMs);
    }
  }
}

async function reopenLater(reader: Follower, endsAtMs: number): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    try {
      return await reader.reopen({ isCommitting: false });
    } catch (error) {
      if (!isServiceError(error) || error.code !== 'unavailable' || Date.now() > endsAtMs) throw error;
    }
  }
}

function firstSightings(events: readonly CloudEvent[]): readonly CloudEvent[] {
  const known = new Set<string>();
  return events.filter(({ id }) => !known.has(id) && known.add(id));
}

function assertComplete(events: readonly CloudEvent[]): void {
  const byKey = Map.groupBy(events, ({ subject }) => subject);
  assert.equal(byKey.size, publishers * keysEach);
  const expected = Array.from({ length: (batches / keysEach) * perBatch }, (_, number) => number);
  for (const [key, ofKey] of byKey) {
    const values = ofKey.map(({ data }) => (data as { readonly value: number }).value);
    assert.deepEqual(values, expected, `the events of ${key}, once and in order`);
  }
}
