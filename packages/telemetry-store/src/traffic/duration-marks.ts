/**
 * Counts of durations by their logarithm: eight marks for each doubling, so that a quantile is at most a tenth off. Sums of two are the counts of both.
 */
export type Marks = Record<string, number>;

const perDoubling = 8;

/** @param us microseconds */
export function markOf(us: number): number {
  return us <= 1 ? 0 : Math.round(Math.log2(us) * perDoubling);
}

export function addMarks(sum: Marks, marks: Readonly<Marks>): void {
  for (const mark in marks) sum[mark] = (sum[mark] ?? 0) + (marks[mark] ?? 0);
}

/** Milliseconds; undefined without any durations. @param share 0–1 */
export function quantileMs(marks: Readonly<Marks>, share: number): number | undefined {
  const entries = Object.entries(marks)
    .map(([mark, count]) => [Number(mark), count] as const)
    .sort(([a], [b]) => a - b);
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return undefined;
  let left = Math.max(1, Math.ceil(total * share));
  for (const [mark, count] of entries) {
    left -= count;
    if (left <= 0) return toMs(mark);
  }
  return undefined;
}

/** How many took no longer than that. */
export function countWithin(marks: Readonly<Marks>, ms: number): number {
  const last = markOf(ms * 1_000);
  let count = 0;
  for (const mark in marks) if (Number(mark) <= last) count += marks[mark] ?? 0;
  return count;
}

function toMs(mark: number): number {
  return Math.round(2 ** (mark / perDoubling)) / 1_000;
}
