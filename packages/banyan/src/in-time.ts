import { sleep, systemClock } from '@banyan/core';

/** It took longer than anybody wanted to wait; nobody knows what becomes of it. */
export class NoAnswer extends Error {}

/** @throws NoAnswer after `patienceMs` */
export async function inTime<Value>(answer: Promise<Value>, patienceMs: number): Promise<Value> {
  const answered = new AbortController();
  const late = sleep(patienceMs, systemClock, answered.signal).then(
    () => Promise.reject(new NoAnswer()),
    () => answer,
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    answered.abort();
  }
}
