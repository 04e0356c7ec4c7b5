import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until `condition` holds; rejects after 30 s. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = performance.now() + 30_000;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error('the condition did not come to hold in 30 s');
    await sleep(5);
  }
}
