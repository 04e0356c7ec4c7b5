import { type Clock, sleep } from '@banyan/core';

/**
 * Lets events gather under load. A page costs about a millisecond whether it holds one event or a hundred; whoever takes every event by itself spends the
 * machine on pages. An event that comes after a pause is taken at once.
 */
export interface Pace {
  /** Resolves when the next page may be read. */
  gather(): Promise<void>;
  /** A page was read; a full one is followed by the next without a pause. */
  took(isFull: boolean): void;
  /** Pages that take longer are read less often. */
  measure<Result>(handle: () => Promise<Result>): Promise<Result>;
}

const leastMs = 4;
const mostMs = 25;

export function createPace(clock: Clock): Pace {
  let nextAtMs = 0;
  let restMs = leastMs;
  return {
    async gather() {
      const waitMs = nextAtMs - clock.nowMs();
      if (waitMs > 0) await sleep(waitMs, clock);
    },
    took(isFull) {
      nextAtMs = isFull ? 0 : clock.nowMs() + restMs;
    },
    async measure(handle) {
      const beganAtMs = clock.nowMs();
      const result = await handle();
      restMs = Math.min(mostMs, Math.max(leastMs, 2 * (clock.nowMs() - beganAtMs)));
      return result;
    },
  };
}
