import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { isServiceError } from '@banyan/core';
import { type CloudEvent, createEvent, type EventLog, type StartAt, toEncodedEvent } from '@banyan/events';

const publishers = 3;
const keysEach = 4;
const batchSize = 20;
const deadlineMs = 90_000;

/** Publishers that repeat each batch until it is confirmed, and a reader that opens anew where its last page ended, while faults happen. */
export interface FaultRun {
  /** Events confirmed so far. */
  readonly confirmed: number;
  /** Different events read so far. */
  readonly seen: number;
  readonly failures: number;
  /** Resolves when so many more events were confirmed, and so many more read. */
  progress(events: number): Promise<void>;
  /** Ends publishing, reads what is left, and checks that every confirmed event was read, in the order of its key. */
  finish(): Promise<void>;
}

export async function startFaultRun(publishing: EventLog, reading: EventLog): Promise<FaultRun> {
  const stop = new AbortController();
  const sightings = new Map<string, number[]>();
  const known = new Set<string>();
  const counts = new Map<string, number>();
  let confirmed = 0;
  let failures = 0;
  let isPublished = false;

  async function publish(publisher: number): Promise<void> {
    while (!stop.signal.aborted) {
      const events: CloudEvent[] = [];
      for (let part = 0; part < batchSize; part += 1) {
        const key = `p${publisher}-${part % keysEach}`;
        const number = counts.get(key) ?? 0;
        counts.set(key, number + 1);
        events.push(numbered(key, number));
      }
      const encoded = events.map(toEncodedEvent);
      await repeat(
        () => publishing.publish(encoded),
        () => (failures += 1),
      );
      confirmed += events.length;
    }
  }

  const places = new Map<number, StartAt>();
  for (let partition = 0; partition < reading.partitions; partition += 1) {
    places.set(partition, reading.features.replay ? 'start' : 'end');
  }
  const open = () => reading.open({ group: 'mail', topics: ['orders.placed'], from: new Map(places) });
  let reader = await open();

  async function read(): Promise<void> {
    let endsAtMs = Number.POSITIVE_INFINITY;
    while (!isPublished || known.size < confirmed) {
      if (isPublished) endsAtMs = Math.min(endsAtMs, Date.now() + deadlineMs);
      assert.ok(Date.now() < endsAtMs, `${confirmed} confirmed, ${known.size} read, then nothing more`);
      try {
        const page = await reader.next(50, 100);
        for (const event of page.events) note(event);
        for (const [partition, position] of page.positions) places.set(partition, { position });
        await reader.commit(page.positions);
      } catch (error) {
        failures += 1;
        assertUnavailable(error);
        await reader.close();
        reader = await repeat(open, () => (failures += 1));
      }
    }
    await reader.close();
  }

  function note({ id, subject, data }: CloudEvent): void {
    if (known.has(id)) return;
    known.add(id);
    const numbers = sightings.get(subject) ?? [];
    sightings.set(subject, numbers);
    numbers.push((data as { readonly number: number }).number);
  }

  const published = Promise.all(Array.from({ length: publishers }, (_, index) => publish(index))).finally(
    () => {
      isPublished = true;
    },
  );
  const work = Promise.all([read(), published]);
  // Seen by `finish`; a failure must not end the process before.
  work.catch(() => stop.abort());

  return {
    get confirmed() {
      return confirmed;
    },
    get seen() {
      return known.size;
    },
    get failures() {
      return failures;
    },
    async progress(events) {
      const goals = { confirmed: confirmed + events, seen: known.size + events };
      const endsAtMs = Date.now() + deadlineMs;
      while ((confirmed < goals.confirmed || known.size < goals.seen) && !stop.signal.aborted) {
        assert.ok(Date.now() < endsAtMs, `${confirmed} confirmed, ${known.size} read, then nothing more`);
        await delay(5);
      }
    },
    async finish() {
      stop.abort();
      await work;
      for (const [key, count] of counts) {
        const expected = Array.from({ length: count }, (_, number) => number);
        assert.deepEqual(sightings.get(key), expected, `the events of ${key}, in order`);
      }
    },
  };
}

function numbered(key: string, number: number): CloudEvent {
  const data = { number, padding: 'x'.repeat(300) };
  const occurredAtMs = Date.now();
  return createEvent({ service: 'orders', name: 'placed', type: 'OrderPlaced', key, data, occurredAtMs });
}

async function repeat<Result>(work: () => Promise<Result>, onFailure: () => void): Promise<Result> {
  const endsAtMs = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      assertUnavailable(error);
      assert.ok(Date.now() < endsAtMs, `still failing after ${deadlineMs} ms: ${String(error)}`);
      onFailure();
      await delay(20);
    }
  }
}

function assertUnavailable(error: unknown): void {
  if (!isServiceError(error) || error.code !== 'unavailable') throw error;
}
