import type { Clock } from '@banyan/core';

/** Waits for `promise`, at most `timeoutMs`; true if it settled. Its outcome is the caller's to look at. */
export function within(promise: Promise<unknown>, timeoutMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.setTimer(() => resolve(false), timeoutMs);
    const settle = () => {
      cancel();
      resolve(true);
    };
    promise.then(settle, settle);
  });
}
