import assert from 'node:assert/strict';

/** Reads until `isDone`; fails after 20 s with what was read last. */
export async function eventually<Value>(
  read: () => Promise<Value>,
  isDone: (value: Value) => boolean,
): Promise<Value> {
  for (const endMs = Date.now() + 20_000; ; ) {
    const value = await read();
    if (isDone(value)) return value;
    assert.ok(Date.now() < endMs, `still ${JSON.stringify(value)} after 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
