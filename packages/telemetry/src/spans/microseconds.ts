import type { Clock } from '@banyan/core';

/** After this much the steady clock and the wall clock have parted: the machine slept, or its clock was set. */
const maxDriftMs = 50;
const checkEveryMs = 1_000;

/** Microseconds since the epoch, at a finer grain than the clock has, which a steady clock fills in. */
export function createMicrosecondClock(clock: Clock): () => number {
  let offsetMs = clock.nowMs() - performance.now();
  let checkedMs = performance.now();
  return () => {
    const steadyMs = performance.now();
    if (steadyMs - checkedMs > checkEveryMs) {
      checkedMs = steadyMs;
      const nowMs = clock.nowMs();
      if (Math.abs(nowMs - steadyMs - offsetMs) > maxDriftMs) offsetMs = nowMs - steadyMs;
    }
    return (offsetMs + steadyMs) * 1_000;
  };
}
