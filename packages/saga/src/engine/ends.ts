import type { Clock } from '@banyan/core';
import type { StoredSaga } from '../saga-store.ts';
import { isEnded, isSettled } from '../state.ts';
import type { LiveSaga } from './live-saga.ts';

/** A saga or durable function that has ended, or is stuck. */
export type EndedSaga = Pick<LiveSaga, 'row' | 'state' | 'status'>;

/** How far a saga is. */
export type SagaStand = Pick<StoredSaga, 'id' | 'name' | 'version' | 'status' | 'state' | 'waitingFor'>;

export interface EndsOptions {
  readonly read: (id: string) => Promise<SagaStand | undefined>;
  readonly isInHand: (id: string) => boolean;
  readonly clock: Clock;
}

export interface WaitForEnd {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Ended sagas that are remembered until somebody asks: one whose steps are all local has ended before its starter can. */
const maxRemembered = 128;

/** Those who wait for a saga to end. */
export class Ends {
  readonly #options: EndsOptions;
  readonly #waiters = new Map<string, Set<(live: EndedSaga | undefined) => void>>();
  readonly #remembered = new Map<string, SagaStand>();
  #isStopped = false;

  constructor(options: EndsOptions) {
    this.#options = options;
  }

  /** It has ended here, or is stuck. */
  tell(live: EndedSaga): void {
    const waiters = this.#waiters.get(live.row.id);
    if (waiters === undefined) this.#remember(live);
    else for (const wake of waiters) wake(live);
  }

  #remember(live: EndedSaga): void {
    if (!isEnded(live.status)) return;
    this.#remembered.set(live.row.id, toStand(live));
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > maxRemembered && oldest !== undefined) this.#remembered.delete(oldest);
  }

  /** Resolves when the saga has ended or is stuck, or with how it stands when the time is over; undefined if it is not known. */
  async wait(id: string, { timeoutMs, signal }: WaitForEnd): Promise<SagaStand | undefined> {
    const { clock, isInHand, read } = this.#options;
    const remembered = this.#remembered.get(id);
    if (remembered !== undefined) {
      this.#remembered.delete(id);
      return remembered;
    }
    const untilMs = clock.nowMs() + timeoutMs;
    const { promise: told, resolve: tell } = Promise.withResolvers<EndedSaga | undefined>();
    const onAbort = () => tell(undefined);
    const waiters = this.#waiters.get(id) ?? new Set();
    this.#waiters.set(id, waiters.add(tell));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for (let pauseMs = 100; ; pauseMs = Math.min(2 * pauseMs, 1_000)) {
        // What is in hand here tells by itself; another process that ends it does not.
        const isHere = isInHand(id) && clock.nowMs() < untilMs;
        const found = isHere ? undefined : await read(id);
        const isOver = clock.nowMs() >= untilMs || this.#isStopped;
        if (!isHere && (found === undefined || isSettled(found.status) || isOver)) return found;
        const ending = await firstOf(told, Math.min(pauseMs, untilMs - clock.nowMs()), clock);
        signal?.throwIfAborted();
        if (ending !== undefined) return toStand(ending);
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      waiters.delete(tell);
      if (waiters.size === 0) this.#waiters.delete(id);
    }
  }

  /** Nobody waits any longer. */
  stop(): void {
    this.#isStopped = true;
    for (const waiters of this.#waiters.values()) for (const wake of waiters) wake(undefined);
  }
}

function toStand({ row, status, state }: EndedSaga): SagaStand {
  const { id, name, version } = row;
  return { id, name, version, status, state, waitingFor: [] };
}

/** What `told` resolves with, or undefined after `delayMs`. */
function firstOf<Value>(
  told: Promise<Value | undefined>,
  delayMs: number,
  clock: Clock,
): Promise<Value | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.setTimer(() => resolve(undefined), delayMs);
    void told.then((value) => {
      cancel();
      resolve(value);
    });
  });
}
