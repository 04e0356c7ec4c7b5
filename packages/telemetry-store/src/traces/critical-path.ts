import type { SpanNode } from './span-tree.ts';

/** A stretch of a trace's time, and the span that it waited for. */
export interface CriticalStretch {
  readonly spanId: string;
  readonly startUs: number;
  readonly endUs: number;
}

/**
 * The chain of spans that the end of a trace waited for. Walks back from the end: of what was still running, the span that ended last is what was waited
 * for; where none was, the time is its parent's own. Stretches are in the order of time, without gaps or overlaps, from the start of the trace to its end.
 */
export function criticalPathOf(roots: readonly SpanNode[]): readonly CriticalStretch[] {
  const startUs = Math.min(...roots.map(firstStart));
  const endUs = Math.max(...roots.map(({ lastEndUs }) => lastEndUs));
  const [first] = roots;
  if (first === undefined || endUs <= startUs) return [];
  const stretches: CriticalStretch[] = [];
  const push = (spanId: string, from: number, to: number) => {
    if (to > from) stretches.push({ spanId, startUs: from, endUs: to });
  };
  // Between two roots nothing is known to have run: the time counts for the one before.
  const ownerBetween = (atUs: number) =>
    roots.findLast((root) => firstStart(root) < atUs)?.span.spanId ?? first.span.spanId;
  walk({ children: roots, ownerAt: ownerBetween }, { fromUs: startUs, toUs: endUs }, push);
  return merged(stretches.reverse());
}

interface Level {
  readonly children: readonly SpanNode[];
  /** Whose own time it is that ends there. */
  readonly ownerAt: (atUs: number) => string;
}

type Push = (spanId: string, fromUs: number, toUs: number) => void;

/** Pushes the stretches between the two times, the last one first. */
function walk(
  level: Level,
  { fromUs, toUs }: { readonly fromUs: number; readonly toUs: number },
  push: Push,
): void {
  let atUs = toUs;
  const own = (downTo: number) => push(level.ownerAt(atUs), downTo, atUs);
  const byEnd = level.children.toSorted((a, b) => b.lastEndUs - a.lastEndUs);
  for (const child of byEnd) {
    if (atUs <= fromUs) return;
    const childEnd = Math.min(child.lastEndUs, atUs);
    const childStart = Math.max(child.firstStartUs, fromUs);
    if (childEnd <= childStart) continue;
    if (childEnd < atUs) own(childEnd);
    atUs = childEnd;
    walk(
      { children: child.children, ownerAt: () => child.span.spanId },
      { fromUs: childStart, toUs: childEnd },
      push,
    );
    atUs = childStart;
  }
  if (atUs > fromUs) own(fromUs);
}

function firstStart({ firstStartUs }: SpanNode): number {
  return firstStartUs;
}

function merged(stretches: readonly CriticalStretch[]): readonly CriticalStretch[] {
  const result: CriticalStretch[] = [];
  for (const stretch of stretches) {
    const last = result.at(-1);
    if (last !== undefined && last.spanId === stretch.spanId && last.endUs === stretch.startUs)
      result[result.length - 1] = { ...last, endUs: stretch.endUs };
    else result.push(stretch);
  }
  return result;
}
