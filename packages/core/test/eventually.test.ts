import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, until, untilPasses } from '@banyan/core/testing';

/** 1, 2, 3 … */
function counter() {
  let count = 0;
  return async () => {
    count += 1;
    return count;
  };
}

test('whoever waits gets the first answer that will do', async () => {
  assert.equal(await eventually(counter(), (count) => count > 2), 3);
  const next = counter();
  assert.equal(await until(async () => (await next()) === 3 && 'three'), 'three');
  const other = counter();
  const check = async () => {
    const count = await other();
    assert.equal(count, 3);
    return count;
  };
  assert.equal(await untilPasses(check), 3);
});

test('0, null and the empty text are answers', async () => {
  assert.equal(await until(() => 0), 0);
  assert.equal(await until(() => null), null);
  assert.equal(await until(() => ''), '');
});

test('who waited in vain reads for what', async () => {
  const never = async () => ({ state: 'waiting' });
  await assert.rejects(
    eventually(never, ({ state }) => state === 'done', 20),
    { message: 'not within 20 ms; last: {"state":"waiting"}' },
  );
  await assert.rejects(
    until(() => false, 'the order is done', 20),
    { message: 'waited 20 ms in vain: the order is done' },
  );
  const isDone = () => false;
  await assert.rejects(until(isDone, undefined, 20), { message: 'waited 20 ms in vain: () => false' });
  await assert.rejects(
    untilPasses(async () => assert.equal('waiting', 'done'), 20),
    { code: 'ERR_ASSERTION', expected: 'done' },
  );
});

test('an error is not waited away, where none is expected', async () => {
  const fails = async () => {
    throw new Error('no such order');
  };
  await assert.rejects(until(fails), { message: 'no such order' });
  await assert.rejects(
    eventually(fails, () => true),
    { message: 'no such order' },
  );
});
