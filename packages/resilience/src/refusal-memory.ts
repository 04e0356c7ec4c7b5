import type { Clock } from '@banyan/core';
import type { Charge, Taking } from './rate-limit-store.ts';

/** Remembers what refused keys owed. Others can only have added to it since, so what is refused by this bound is refused by the store too. */
export interface RefusalMemory {
  add(key: string, debtUs: number): void;
  /** The refusal that the store would give, or undefined if only the store knows. */
  find(key: string, charge: Charge): Taking | undefined;
}

const maxKeys = 10_000;

export function createRefusalMemory(clock: Clock): RefusalMemory {
  /** When each key will owe nothing at the earliest. */
  const freeAtMs = new Map<string, number>();
  return {
    add(key, debtUs) {
      freeAtMs.delete(key);
      if (freeAtMs.size >= maxKeys) {
        const [oldest] = freeAtMs.keys();
        if (oldest !== undefined) freeAtMs.delete(oldest);
      }
      freeAtMs.set(key, clock.nowMs() + debtUs / 1_000);
    },
    find(key, { costUs, capacityUs }) {
      const atMs = freeAtMs.get(key);
      if (atMs === undefined) return undefined;
      const debtUs = Math.round((atMs - clock.nowMs()) * 1_000);
      if (debtUs + costUs > capacityUs) return { taken: false, debtUs };
      freeAtMs.delete(key);
      return undefined;
    },
  };
}
