import type { Clock } from '@banyan/core';

/** When a failure that still lasts was first seen, given when that was until now. A clock that was put back counts anew: nothing has failed since a time to come. */
export function failingSince(earlierMs: number | undefined, clock: Clock): number {
  return Math.min(earlierMs ?? Number.POSITIVE_INFINITY, clock.nowMs());
}
