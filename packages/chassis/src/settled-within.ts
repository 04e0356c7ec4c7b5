import { type Clock, sleep } from '@banyan/core';

/** Resolves when `work` has settled, or after `timeoutMs`. Never rejects. */
export async function settledWithin(timeoutMs: number, work: Promise<unknown>, clock: Clock): Promise<void> {
  const settled = new AbortController();
  const late = sleep(timeoutMs, clock, settled.signal);
  await Promise.race([work, late]).catch(() => {});
  settled.abort();
  await late.catch(() => {});
}
