import type { Clock } from '@banyan/core';

export interface HeldClock {
  readonly clock: Clock;
  /** Runs what was set by now. */
  runOut(): void;
}

/** Timers of `delayMs`, such as those of a watch that looks every second, run out when the test says so; no others ever do. */
export function createHeldClock(delayMs: number): HeldClock {
  const held: (() => void)[] = [];
  return {
    clock: {
      nowMs: () => Date.now(),
      setTimer: (callback, afterMs) => {
        if (afterMs === delayMs) held.push(callback);
        return () => undefined;
      },
    },
    runOut() {
      for (const callback of held.splice(0)) callback();
    },
  };
}
