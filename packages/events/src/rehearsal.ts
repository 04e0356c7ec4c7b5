import { type Clock, ServiceError, sleep } from '@banyan/core';
import { type CloudEvent, orderingKeyOf } from './cloud-event.ts';

export interface DeliverTwiceOptions {
  /** The same seed chooses the same events. */
  readonly seed: number;
  /** Share of the events that are interrupted once, 0 to 1. Default 1. */
  readonly share?: number;
}

/** What a broker, a network and a crash may do to a page, done on purpose while developing. */
export interface Rehearsal {
  /** The same events out of order across keys, in order within each. */
  shuffle(events: readonly CloudEvent[]): readonly CloudEvent[];
  /** Now and then waits for a part of a second, or until the signal aborts. */
  delay(signal: AbortSignal): Promise<void>;
  /** True for the keys of a page that take the patient way today. */
  isPatient(key: string): boolean;
  /** True for a batch that is to be interrupted just before its commit. */
  isInterrupted(): boolean;
}

const patientShare = 0.15;
const interruptedShare = 0.3;
const lateShare = 0.15;
const longestDelayMs = 200;

export function createRehearsal({ seed }: DeliverTwiceOptions, clock: Clock): Rehearsal {
  const random = createRandom(seed);
  let page = 0;
  return {
    shuffle(events) {
      page += 1;
      return shuffleAcrossKeys(events, random);
    },
    async delay(signal) {
      if (random() < lateShare) await sleep(random() * longestDelayMs, clock, signal).catch(() => {});
    },
    isPatient: (key) => shareOf(`${seed}:${page}:${key}`) < patientShare,
    isInterrupted: () => random() < interruptedShare,
  };
}

/** True for the same events for the same seed, in every process. */
export function isInterruptedOnce(eventId: string, options: DeliverTwiceOptions | undefined): boolean {
  return options !== undefined && shareOf(`${options.seed}:${eventId}`) < (options.share ?? 1);
}

export function crashRehearsed(): ServiceError {
  return new ServiceError('Development: interrupted just before the commit; it runs again at once.', {
    code: 'aborted',
    reason: 'crash_rehearsed',
  });
}

/** Takes the next event of a key drawn at random until none is left. */
function shuffleAcrossKeys(events: readonly CloudEvent[], random: () => number): readonly CloudEvent[] {
  const byKey = [...Map.groupBy(events, orderingKeyOf).values()].map((ofKey) => ofKey.toReversed());
  const shuffled: CloudEvent[] = [];
  while (byKey.length > 0) {
    const index = Math.floor(random() * byKey.length);
    const queue = byKey[index];
    const event = queue?.pop();
    if (event !== undefined) shuffled.push(event);
    if (queue?.length === 0) byKey.splice(index, 1);
  }
  return shuffled;
}

/** FNV-1a as a share of its range. */
function shareOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash / 2 ** 32;
}

/** Mulberry32: small, seeded, good enough to shuffle with. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
