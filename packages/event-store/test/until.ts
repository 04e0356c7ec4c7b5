import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until `condition` holds; rejects after `timeoutMs`, by default 30 s. */
export async function until(condition: () => Promise<boolean> | boolean, timeoutMs = 30_000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) {
      throw new Error(`the condition did not come to hold in ${timeoutMs / 1_000} s`);
    }
    await sleep(5);
  }
}
