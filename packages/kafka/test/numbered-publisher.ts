import assert from 'node:assert/strict';
import { isServiceError } from '@banyan/core';
import type { CloudEvent, EventLog } from '@banyan/events';
import { sampleEvent, valuesOf } from './samples.ts';

/** Publishes rising numbers for each of some keys, and each batch again until it is confirmed, as a relay does. */
export interface NumberedPublisher {
  /** How many batches were confirmed so far. */
  readonly confirmed: number;
  /** How often `publish` rejected. */
  readonly rejected: number;
  /** Finishes the batch at hand; returns how many numbers each key has. */
  stop(): Promise<number>;
}

const keys = ['a', 'b', 'c', 'd', 'e'];
const perBatch = 4;

export function startPublishing(log: EventLog): NumberedPublisher {
  let isStopping = false;
  let confirmed = 0;
  let rejected = 0;
  const work = (async () => {
    for (let next = 0; ; next += perBatch) {
      const batch = keys.flatMap((key) =>
        Array.from({ length: perBatch }, (_, index) => sampleEvent(key, next + index)),
      );
      for (let isConfirmed = false; !isConfirmed; ) {
        try {
          await log.publish(batch);
          isConfirmed = true;
        } catch (error) {
          if (!isServiceError(error) || error.code !== 'unavailable') throw error;
          // The test failed and cleaned up; nobody will stop this.
          if (error.reason === 'kafka_log_closed') throw error;
          rejected += 1;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
      confirmed += 1;
      if (isStopping) return next + perBatch;
    }
  })();
  // A failure shows in `stop`.
  work.catch(() => {});
  return {
    get confirmed() {
      return confirmed;
    },
    get rejected() {
      return rejected;
    },
    stop() {
      isStopping = true;
      return work;
    },
  };
}

/** All numbers of all keys came, and each one for the first time behind its predecessor; repetitions are the reader's to recognise. */
export function assertComplete(events: readonly CloudEvent[], count: number): void {
  const byKey = Map.groupBy(events, ({ subject }) => subject);
  for (const key of keys) {
    const first = [...new Set(valuesOf(byKey.get(key) ?? []))];
    assert.deepEqual(
      first,
      Array.from({ length: count }, (_, number) => number),
      `the numbers of ${key}`,
    );
  }
}

export function isComplete(events: readonly CloudEvent[], count: number): boolean {
  return new Set(events.map(({ id }) => id)).size >= keys.length * count;
}
