import type { TestContext } from 'node:test';

/** What a helper needs of a test to be undone behind it. */
export type Undoing = Pick<TestContext, 'after'>;

const undoings = new WeakMap<Undoing, Undoing>();

/**
 * `node:test` runs the `after` hooks of a test in the order in which they were made, so that a folder is removed under the server that runs in it. What is
 * handed to `lastFirst(t).after` runs last first instead, whoever called it for this `t`; one that rejects keeps none of the others from running, and
 * fails the test.
 */
export function lastFirst(t: Undoing): Undoing {
  const known = undoings.get(t);
  if (known !== undefined) return known;
  const undos: (() => unknown)[] = [];
  const undoing: Undoing = { after: (undo) => void undos.push(undo as () => unknown) };
  undoings.set(t, undoing);
  // Handed on as somebody's `t`, it stays the one list.
  undoings.set(undoing, undoing);
  t.after(async () => {
    const errors: unknown[] = [];
    for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) {
      try {
        await undo();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, 'Several things could not be undone.');
  });
  return undoing;
}
