import assert from 'node:assert/strict';
import { isServiceError } from '@banyan/core';
import {
  type CloudEvent,
  createEvent,
  type EncodedEvent,
  type EventLog,
  type LogReader,
  partitionOf,
  type StartAt,
  toEncodedEvent,
} from '@banyan/events';

/** An outbox in memory: numbers the events of each key, publishes until it is confirmed, and can be rewound. */
export interface Emitter {
  readonly confirmed: readonly EncodedEvent[];
  /** Resolves when the log has confirmed them; publishes again whenever it has not, and everything when the log says that it lost events. */
  emit(count: number): Promise<void>;
  rewind(): Promise<void>;
  /** How often the log said that it lost what it had confirmed. */
  readonly losses: number;
}

const keyCount = 5;

export function createEmitter(log: EventLog, name = 'key'): Emitter {
  const confirmed: EncodedEvent[] = [];
  let total = 0;
  let losses = 0;
  const publish = async (events: readonly EncodedEvent[]): Promise<void> => {
    const endsAtMs = Date.now() + 60_000;
    for (;;) {
      try {
        return await log.publish(events);
      } catch (error) {
        if (!isServiceError(error) || error.code !== 'unavailable' || Date.now() > endsAtMs) throw error;
        if (error.reason === 'nats_events_lost') {
          losses += 1;
          await publish(confirmed);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  return {
    confirmed,
    get losses() {
      return losses;
    },
    async emit(count) {
      const events = Array.from({ length: count }, () => {
        const number = total;
        total += 1;
        return numbered(`${name}-${number % keyCount}`, Math.floor(number / keyCount));
      });
      await publish(events);
      confirmed.push(...events);
    },
    rewind: () => publish(confirmed),
  };
}

function numbered(key: string, value: number): EncodedEvent {
  const event = { service: 'orders', name: 'placed', type: 'OrderPlaced', key, data: { value } };
  return toEncodedEvent(createEvent({ ...event, occurredAtMs: Date.now() }));
}

/** A consumer in memory: remembers ids, and reads on after every failure; from the beginning where its place is lost. */
export interface Reading {
  readonly seen: ReadonlyMap<string, CloudEvent>;
  /** How often its place was lost. */
  readonly losses: number;
  /** Those of its partitions. */
  readUntil(events: readonly EncodedEvent[]): Promise<void>;
  close(): Promise<void>;
}

export function createReading(log: EventLog, partitions?: readonly number[]): Reading {
  const seen = new Map<string, CloudEvent>();
  const all = partitions ?? Array.from({ length: log.partitions }, (_, partition) => partition);
  const places = new Map<number, StartAt>(all.map((partition) => [partition, 'start']));
  let reader: LogReader | undefined;
  let losses = 0;
  const page = async () => {
    reader ??= await log.open({ group: 'mail', topics: ['orders.placed'], from: new Map(places) });
    const { events, positions } = await reader.next(50, 100);
    for (const [partition, position] of positions) places.set(partition, { position });
    for (const event of events) if (!seen.has(event.id)) seen.set(event.id, event);
  };
  return {
    seen,
    get losses() {
      return losses;
    },
    async readUntil(events) {
      const endsAtMs = Date.now() + 60_000;
      const own = events.filter(({ key }) => all.includes(partitionOf(key, log.partitions)));
      const isComplete = () => own.every(({ id }) => seen.has(id));
      while (!isComplete()) {
        assert.ok(Date.now() < endsAtMs, `${seen.size} of ${own.length} events were read`);
        try {
          await page();
        } catch (error) {
          if (!isServiceError(error)) throw error;
          await reader?.close();
          reader = undefined;
          if (error.reason === 'position_lost') {
            losses += 1;
            for (const partition of all) places.set(partition, 'start');
          } else assert.equal(error.code, 'unavailable');
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    },
    close: async () => reader?.close(),
  };
}

/** Every key's events were first seen in the order in which they were emitted. */
export function assertOrdered(seen: Iterable<CloudEvent>): void {
  const next = new Map<string, number>();
  for (const { subject, data } of seen) {
    const expected = next.get(subject) ?? 0;
    assert.equal((data as { readonly value: number }).value, expected, `the next event of ${subject}`);
    next.set(subject, expected + 1);
  }
}
