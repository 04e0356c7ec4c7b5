import { type Clock, sleep } from '@banyan/core';

/** Holds the calls to one service up, as if it were overloaded. */
export interface Slowdown {
  /** 0 if nobody slows the service. */
  readonly delayMs: number;
  /** For calls from now on; those that are held up go on at once. */
  set(delayMs: number): void;
  /** Resolves when a call may go on. @throws the reason of `signal`, if that aborts first */
  hold(signal: AbortSignal): Promise<void>;
}

export function createSlowdown(clock: Clock): Slowdown {
  return new ChangingDelay(clock);
}

class ChangingDelay implements Slowdown {
  delayMs = 0;
  readonly #clock: Clock;
  #changed = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(delayMs: number): void {
    this.delayMs = delayMs;
    this.#changed.abort();
    this.#changed = new AbortController();
  }

  async hold(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#changed.signal]);
    await sleep(this.delayMs, this.#clock, either).catch(() => {});
    signal.throwIfAborted();
  }
}
