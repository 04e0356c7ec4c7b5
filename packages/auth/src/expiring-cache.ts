import type { Clock } from '@banyan/core';

/** Bounded map of values that end at a known time. The least recently used half may be forgotten at any moment. */
export interface ExpiringCache<Value> {
  /** The value, unless it has expired. */
  get(key: string): Value | undefined;
  set(key: string, value: Value, expiresAtMs: number): void;
  clear(): void;
}

export function createExpiringCache<Value>(options: {
  readonly clock: Clock;
  readonly maxEntries: number;
}): ExpiringCache<Value> {
  return new TwoGenerationCache(options.clock, options.maxEntries);
}

interface Entry<Value> {
  readonly value: Value;
  readonly expiresAtMs: number;
}

/** Two generations instead of a linked list: a hit costs one lookup and no reordering, and the bound still holds. */
class TwoGenerationCache<Value> implements ExpiringCache<Value> {
  readonly #clock: Clock;
  readonly #maxPerGeneration: number;
  #young = new Map<string, Entry<Value>>();
  #old = new Map<string, Entry<Value>>();

  constructor(clock: Clock, maxEntries: number) {
    this.#clock = clock;
    this.#maxPerGeneration = Math.max(1, Math.floor(maxEntries / 2));
  }

  get(key: string): Value | undefined {
    let entry = this.#young.get(key);
    if (entry === undefined) {
      entry = this.#old.get(key);
      if (entry === undefined) return undefined;
      this.#old.delete(key);
      this.#put(key, entry);
    }
    if (this.#clock.nowMs() < entry.expiresAtMs) return entry.value;
    this.#young.delete(key);
    return undefined;
  }

  set(key: string, value: Value, expiresAtMs: number): void {
    this.#put(key, { value, expiresAtMs });
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  #put(key: string, entry: Entry<Value>): void {
    if (this.#young.size >= this.#maxPerGeneration) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, entry);
  }
}
