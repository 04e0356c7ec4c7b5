import { type Clock, systemClock } from '@banyan/core';

export interface RetryBudgetOptions {
  readonly clock?: Clock;
  /** Retries allowed per first attempt. Default 0.1. */
  readonly ratio?: number;
  /** Retries allowed per second whatever the traffic, so that a quiet caller can retry at all. Default 10. */
  readonly minPerSecond?: number;
  /** Most retries that may be saved up for one burst. Default 100. */
  readonly capacity?: number;
}

/** Keeps retries to a share of the traffic, so that they cannot multiply an overload (token bucket, after Finagle's RetryBudget). */
export interface RetryBudget {
  /** Retries that could be made now. */
  readonly balance: number;
  /** Counts a first attempt. */
  deposit(): void;
  /** Takes one retry; false, and takes nothing, if there is none. */
  withdraw(): boolean;
}

export function createRetryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  return new TokenBucketBudget(options);
}

class TokenBucketBudget implements RetryBudget {
  readonly #clock: Clock;
  readonly #ratio: number;
  readonly #minPerSecond: number;
  readonly #capacity: number;
  #tokens: number;
  #refilledAtMs: number;

  constructor(options: RetryBudgetOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#ratio = options.ratio ?? 0.1;
    this.#minPerSecond = options.minPerSecond ?? 10;
    this.#capacity = options.capacity ?? 100;
    this.#tokens = Math.min(this.#minPerSecond, this.#capacity);
    this.#refilledAtMs = this.#clock.nowMs();
  }

  get balance(): number {
    this.#refill();
    return Math.floor(this.#tokens);
  }

  deposit(): void {
    this.#tokens = Math.min(this.#tokens + this.#ratio, this.#capacity);
  }

  withdraw(): boolean {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #refill(): void {
    const nowMs = this.#clock.nowMs();
    const earned = Math.max(nowMs - this.#refilledAtMs, 0) * (this.#minPerSecond / 1_000);
    this.#tokens = Math.min(this.#tokens + earned, this.#capacity);
    this.#refilledAtMs = nowMs;
  }
}
