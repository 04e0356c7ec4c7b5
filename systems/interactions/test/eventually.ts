import assert from 'node:assert/strict';

/** The first value that satisfies `isDone`; fails after 60 s with the last one. */
export async function eventually<Value>(
  read: () => Promise<Value>,
  isDone: (value: Value) => boolean,
): Promise<Value> {
  for (const endMs = Date.now() + 60_000; ; ) {
    const value = await read();
    if (isDone(value)) return value;
    assert.ok(Date.now() < endMs, `still ${JSON.stringify(value)} after 60 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
