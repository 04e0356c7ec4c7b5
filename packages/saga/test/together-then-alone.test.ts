import assert from 'node:assert/strict';
import { test } from 'node:test';
// A pure piece of the engine; through the front door only faults of a database show it.
import { togetherThenAlone } from '../src/engine/together-then-alone.ts';

const oddOf = (items: readonly number[]) => new Set(items.filter((item) => item % 2 === 1));

async function commitsOf(items: readonly number[]): Promise<readonly (readonly number[])[]> {
  const commits: (readonly number[])[] = [];
  await togetherThenAlone(items, oddOf(items), async (each) => {
    commits.push(each);
  });
  return commits;
}

test('those that can go together do so first, in their order, then each of the others by itself', async () => {
  assert.deepEqual(await commitsOf([1, 2, 3, 4]), [[2, 4], [1], [3]]);
});

test('nothing is committed for nobody', async () => {
  assert.deepEqual(await commitsOf([1]), [[1]]);
  assert.deepEqual(await commitsOf([2]), [[2]]);
  assert.deepEqual(await commitsOf([]), []);
});

test('one waits for the other, and the first failure ends it', async () => {
  let underWay = 0;
  const begun: (readonly number[])[] = [];
  const commit = async (items: readonly number[]) => {
    begun.push(items);
    underWay += 1;
    assert.equal(underWay, 1);
    await Promise.resolve();
    underWay -= 1;
    if (items[0] === 1) throw new Error('refused');
  };
  await assert.rejects(togetherThenAlone([1, 2, 3], new Set([1, 3]), commit), /refused/);
  assert.deepEqual(begun, [[2], [1]]);
});
