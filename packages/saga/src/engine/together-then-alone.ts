/**
 * Commits first what can go together, then each of `alone` by itself, so that nothing it rests on is undone for others.
 * Rejects with what `commit` throws first; what would come later is not tried.
 */
export async function togetherThenAlone<Item>(
  items: readonly Item[],
  alone: ReadonlySet<Item>,
  commit: (items: readonly Item[]) => Promise<void>,
): Promise<void> {
  const together = items.filter((item) => !alone.has(item));
  if (together.length > 0) await commit(together);
  for (const item of alone) await commit([item]);
}
