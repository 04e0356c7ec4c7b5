import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bench } from './bench.ts';

const echo = async (_: unknown, input: unknown) => input;

/** What goes in and comes out. */
export function describeValues(bench: Bench): void {
  test('a call answers with what the handler returns', async () => {
    const { call } = bindCall(await bench.open(echo));
    assert.deepEqual(await call('echo', { value: 1 }), { value: 1 });
  });

  test('the handler gets parsed input: defaults and transforms applied, unknown fields gone', async () => {
    const inputs: unknown[] = [];
    const { call } = bindCall(
      await bench.open(async (_, input) => {
        inputs.push(input);
        return input;
      }),
    );
    await call('shape', { shapeId: 'a/b ü', label: '  x ', stray: true });
    await call('find', { thingId: '%2F', limit: 5, tags: ['a', 'b&c'] });
    await call('find', { thingId: '7', deep: true });
    assert.deepEqual(inputs, [
      { shapeId: 'a/b ü', size: 7, label: 'x' },
      { thingId: '%2F', limit: 5, deep: false, tags: ['a', 'b&c'] },
      { thingId: '7', deep: true, tags: [] },
    ]);
  });

  test('the output is projected by its schema', async () => {
    const handle = async () => ({ shapeId: 'x', size: 1, secret: 'not in the contract' });
    const { call } = bindCall(await bench.open(handle));
    assert.deepEqual(await call('shape', { shapeId: 'x' }), { shapeId: 'x', size: 1 });
  });

  test('values that only JavaScript has arrive as JSON has them', async () => {
    const { call } = bindCall(await bench.open(echo));
    const value = {
      gone: undefined,
      kept: null,
      list: [undefined, 1],
      text: '\u0000 ü 🙂 \ud800 </script>',
      zero: -0,
    };
    const { value: answer } = (await call('echo', { value })) as { value: unknown };
    assert.deepEqual(JSON.parse(JSON.stringify(answer)), JSON.parse(JSON.stringify(value)));
  });

  test('no input is an empty one', async () => {
    const { call } = bindCall(await bench.open(async () => ({ done: true })));
    assert.deepEqual(await call('act', undefined), { done: true });
  });

  test('an operation that answers with nothing yields an empty object', async () => {
    const { call } = bindCall(await bench.open(async () => ({ ignored: true })));
    assert.deepEqual(await call('remove', { thingId: 'x' }), {});
  });

  test('bodies of many sizes arrive whole', async () => {
    const { call } = bindCall(await bench.open(echo));
    for (const length of [0, 1, 10_900, 10_930, 32_760, 32_790, 65_530, 100_000, 600_000]) {
      const value = 'ä'.repeat(length / 2) + 'x'.repeat(length / 2);
      assert.deepEqual(await call('echo', { value }), { value }, `${length}`);
    }
  });

  test('an answer far larger than a request may be arrives whole', async () => {
    const value = Array.from(
      { length: 50_000 },
      (_, index) => `line ${index} of a long answer, with ümlauts`,
    );
    const { call } = bindCall(await bench.open(async () => ({ value })));
    assert.deepEqual(await call('echo', { value: 0 }), { value });
  });

  test('calls that run at once never get each other’s answers', async () => {
    const { call } = bindCall(
      await bench.open(async (_, input) => {
        const { value } = input as { value: { readonly waitMs: number } };
        await new Promise((resolve) => setTimeout(resolve, value.waitMs));
        return input;
      }),
    );
    const values = Array.from({ length: 150 }, (_, index) => ({
      index,
      waitMs: (index * 7) % 23,
      padding: 'x'.repeat((index % 10) * 5_000),
    }));
    const answers = await Promise.all(values.map((value) => call('echo', { value })));
    assert.deepEqual(
      answers,
      values.map((value) => ({ value })),
    );
  });

  test('a large message does not hold up small ones', async () => {
    const { call } = bindCall(await bench.open(echo));
    await call('echo', { value: 0 });
    const finished: string[] = [];
    const large = call('echo', { value: 'x'.repeat(1_000_000) }).then(() => finished.push('large'));
    const small = call('echo', { value: 1 }).then(() => finished.push('small'));
    await Promise.all([large, small]);
    assert.equal(finished.length, 2);
  });
}

/** So that a test can say `call(...)`. */
export function bindCall(caller: { call: typeof import('./bench.ts').Caller.prototype['call'] }) {
  return { call: caller.call.bind(caller) };
}
