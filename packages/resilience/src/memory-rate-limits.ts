import { type Clock, systemClock } from '@banyan/core';
import type { Charge, RateLimitStore, Taking } from './rate-limit-store.ts';

export interface MemoryRateLimitsOptions {
  readonly clock?: Clock;
  /** Above this the key that was asked for longest ago is forgotten, and begins anew. Default 100,000, some 15 MB. */
  readonly maxKeys?: number;
}

/** Rate limits of this process alone. */
export function createMemoryRateLimits(options: MemoryRateLimitsOptions = {}): RateLimitStore {
  return new MemoryRateLimits(options.clock ?? systemClock, options.maxKeys ?? 100_000);
}

/** Enough to keep up with what comes in, and too little to be noticed. */
const lookedAtPerTaking = 4;

class MemoryRateLimits implements RateLimitStore {
  readonly #clock: Clock;
  readonly #maxKeys: number;
  /** When each key will owe nothing, in microseconds; the key asked for longest ago comes first. */
  readonly #freeAtUs = new Map<string, number>();
  /** The one at the end of them. */
  #newest: string | undefined = undefined;

  constructor(clock: Clock, maxKeys: number) {
    this.#clock = clock;
    this.#maxKeys = maxKeys;
  }

  take(key: string, { costUs, capacityUs }: Charge): Taking {
    const nowUs = Math.round(this.#clock.nowMs() * 1_000);
    const known = this.#freeAtUs.get(key);
    const owedUs = Math.max(0, (known ?? 0) - nowUs);
    const taken = owedUs + costUs <= capacityUs;
    const debtUs = taken ? owedUs + costUs : owedUs;
    if (known === undefined) this.#forget(nowUs);
    else if (key !== this.#newest) this.#freeAtUs.delete(key);
    this.#freeAtUs.set(key, nowUs + debtUs);
    this.#newest = key;
    return { taken, debtUs };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #forget(nowUs: number): void {
    let left = lookedAtPerTaking;
    for (const [key, freeAtUs] of this.#freeAtUs) {
      if (freeAtUs > nowUs && this.#freeAtUs.size < this.#maxKeys) return;
      this.#freeAtUs.delete(key);
      left -= 1;
      if (left === 0) return;
    }
  }
}
