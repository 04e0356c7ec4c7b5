const defaultTimeoutMs = 60_000;

/**
 * Asks again and again until an answer fits, and resolves with it.
 * @throws Error with the last answer, if none has fitted after `timeoutMs`
 */
export async function eventually<Value>(
  ask: () => Promise<Value>,
  fits: (value: Value) => boolean,
  timeoutMs = defaultTimeoutMs,
): Promise<Value> {
  for (const isOver = timer(timeoutMs); ; await pause()) {
    const value = await ask();
    if (fits(value)) return value;
    if (isOver()) throw new Error(`not within ${timeoutMs} ms; last: ${JSON.stringify(value)}`);
  }
}

/**
 * Asks again and again until the answer is neither undefined nor false, and resolves with it.
 * @param what what is waited for; default the text of `ask`
 * @throws Error with `what`, if that has not come after `timeoutMs`
 */
export async function until<Value>(
  ask: () => Promise<Value | undefined | false> | Value | undefined | false,
  what = String(ask),
  timeoutMs = defaultTimeoutMs,
): Promise<Value> {
  for (const isOver = timer(timeoutMs); ; await pause()) {
    const value = await ask();
    if (value !== undefined && value !== false) return value;
    if (isOver()) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
  }
}

/**
 * Checks again and again until nothing is thrown, and resolves with what the check returned.
 * @throws what the last check threw, after `timeoutMs`
 */
export async function untilPasses<Value>(
  check: () => Promise<Value> | Value,
  timeoutMs = defaultTimeoutMs,
): Promise<Value> {
  for (const isOver = timer(timeoutMs); ; await pause()) {
    try {
      return await check();
    } catch (error) {
      if (isOver()) throw error;
    }
  }
}

function timer(timeoutMs: number): () => boolean {
  const endMs = performance.now() + timeoutMs;
  return () => performance.now() > endMs;
}

const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 10));
