/** Asks again and again until the answer is neither undefined nor false; rejects after a minute. */
export async function eventually<Value>(
  ask: () => Promise<Value | undefined | false>,
  what: string,
): Promise<Value> {
  const endsAtMs = Date.now() + 60_000;
  while (Date.now() < endsAtMs) {
    const value = await ask();
    if (value !== undefined && value !== false) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never happened: ${what}`);
}
