import assert from 'node:assert/strict';
import { test } from 'node:test';
// An inner part with a clock of its own: at the front door its times could only be waited for.
import { createHeldKey } from '../src/keys/held-key.ts';

function setUp(nextInMs: number | null = null) {
  const clock = { ms: 0 };
  const reads: PromiseWithResolvers<string>[] = [];
  const held = createHeldKey<string>({ maxAgeMs: 1_000, nowMs: () => clock.ms });
  const get = () =>
    held.get(async () => {
      const reading = Promise.withResolvers<string>();
      reads.push(reading);
      return { value: await reading.promise, nextInMs };
    });
  return { clock, reads, get, forget: held.forget };
}

test('a key is read once for all who ask within its time, also at the same moment', async () => {
  const { clock, reads, get } = setUp();
  const asked = [get(), get(), get()];
  reads[0]?.resolve('first');
  assert.deepEqual(await Promise.all(asked), ['first', 'first', 'first']);
  clock.ms = 999;
  assert.equal(await get(), 'first');
  assert.equal(reads.length, 1);
  clock.ms = 1_000;
  const again = get();
  reads[1]?.resolve('second');
  assert.equal(await again, 'second');
});

test('no key is used past the moment when the next one signs', async () => {
  const { clock, reads, get } = setUp(300);
  const first = get();
  // Reading took a while: the time counts from its beginning.
  clock.ms = 200;
  reads[0]?.resolve('first');
  assert.equal(await first, 'first');
  clock.ms = 299;
  assert.equal(await get(), 'first');
  clock.ms = 300;
  const next = get();
  reads[1]?.resolve('second');
  assert.equal(await next, 'second');
});

test('while the store is away nobody gets a key past its time, and the first who asks afterwards does', async () => {
  const { clock, reads, get } = setUp();
  const asked = [get(), get()];
  reads[0]?.reject(new Error('away'));
  for (const each of asked) await assert.rejects(each, /away/);
  const back = get();
  reads[1]?.resolve('first');
  assert.equal(await back, 'first');
  clock.ms = 1_000;
  const late = get();
  reads[2]?.reject(new Error('away'));
  await assert.rejects(late, /away/);
  assert.equal(reads.length, 3);
});

test('whoever asks after a withdrawal reads anew, also when a reading from before is under way', async () => {
  const { reads, get, forget } = setUp();
  const before = get();
  forget();
  const after = get();
  reads[1]?.resolve('new');
  reads[0]?.resolve('withdrawn');
  assert.equal(await before, 'withdrawn');
  assert.equal(await after, 'new');
  assert.equal(await get(), 'new');
});
