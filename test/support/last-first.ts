import type { TestContext } from 'node:test';

/** What a helper needs of a test to be undone behind it. */
export type Undoing = Pick<TestContext, 'after'>;

/** `node:test` undoes in the order of doing; this does the last first, so that a folder goes after whatever runs in it. */
export function lastFirst(t: Undoing): Undoing {
  const undos: (() => unknown)[] = [];
  t.after(async () => {
    for (const undo of undos.reverse()) await undo();
  });
  return { after: (undo) => void undos.push(undo as () => unknown) };
}
