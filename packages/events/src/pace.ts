import { setTimeout as pause } from 'node:timers/promises';

/**
 * Lets events gather under load. A page costs about a millisecond whether it holds one event or a hundred; whoever takes every event by itself spends the
 * machine on pages. An event that comes after a pause is taken at once. Real time, not a clock's: this spares the machine and decides nothing.
 */
export interface Pace {
  /** Resolves when the next page may be read. */
  gather(): Promise<void>;
  /** A page was read; a full one is followed by the next without a pause. */
  took(isFull: boolean): void;
  /** Pages that take longer are read less often. */
  measure<Result>(handle: () => Promise<Result>): Promise<Result>;
}

/** How much further apart pages may get that take long. */
const mostTimes = 6;

/** @param leastMs pages that are not full are read at least so far apart; 0 for at once, always */
export function createPace(leastMs: number): Pace {
  let nextAtMs = 0;
  let restMs = leastMs;
  return {
    async gather() {
      const waitMs = nextAtMs - performance.now();
      if (waitMs > 0) await pause(waitMs);
    },
    took(isFull) {
      nextAtMs = isFull ? 0 : performance.now() + restMs;
    },
    async measure(handle) {
      const beganAtMs = performance.now();
      const result = await handle();
      restMs = Math.min(leastMs * mostTimes, Math.max(leastMs, 3 * (performance.now() - beganAtMs)));
      return result;
    },
  };
}

/** @throws TypeError */
export function checkGather(who: string, gatherMs: number): void {
  if (Number.isFinite(gatherMs) && gatherMs >= 0) return;
  throw new TypeError(`${who}(): \`gatherMs\` is a time of 0 ms or more, not ${String(gatherMs)}.`);
}
