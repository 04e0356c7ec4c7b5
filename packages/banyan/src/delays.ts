/** The same delays but for one part; 0 ends its own. */
export function withDelay(
  delaysMs: ReadonlyMap<string, number>,
  part: string,
  delayMs: number,
): ReadonlyMap<string, number> {
  const changed = new Map(delaysMs);
  if (delayMs === 0) changed.delete(part);
  else changed.set(part, delayMs);
  return changed;
}
