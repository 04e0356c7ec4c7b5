import type { Clock } from '@banyan/core';

/** Resolves with true once `task` settles, either way, or with false after `timeoutMs`. */
export function settlesWithin(task: Promise<unknown>, timeoutMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.setTimer(() => resolve(false), timeoutMs);
    const settled = () => {
      cancel();
      resolve(true);
    };
    task.then(settled, settled);
  });
}
