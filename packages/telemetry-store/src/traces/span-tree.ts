import type { SpanRecord } from '../records.ts';

export interface SpanNode {
  readonly span: SpanRecord;
  readonly depth: number;
  /** By their start. */
  readonly children: SpanNode[];
  /** Of the span and all below it: what it causes may begin before it by another machine's clock, and go on after it. */
  firstStartUs: number;
  lastEndUs: number;
  /** Its duration less what its children cover of it. */
  selfUs: number;
}

/**
 * The spans of one trace as trees. A span whose parent is not there is a root; of spans that are each other's parents the earliest one is. Of two with one id
 * the first counts.
 */
export function spanTrees(spans: readonly SpanRecord[]): readonly SpanNode[] {
  const byStart = spans.toSorted((a, b) => a.startUs - b.startUs || (a.spanId < b.spanId ? -1 : 1));
  const known = new Map<string, SpanRecord>();
  for (const span of byStart) if (!known.has(span.spanId)) known.set(span.spanId, span);
  const childrenOf = Map.groupBy(known.values(), ({ parentId }) => parentId ?? '');
  const roots: SpanNode[] = [];
  const placed = new Set<string>();
  const isRoot = ({ parentId, spanId }: SpanRecord) =>
    parentId === undefined || parentId === spanId || !known.has(parentId);
  for (const span of [...known.values()].filter(isRoot)) roots.push(grow(span, { childrenOf, placed }));
  for (const span of known.values())
    if (!placed.has(span.spanId)) roots.push(grow(span, { childrenOf, placed }));
  return roots.toSorted((a, b) => a.firstStartUs - b.firstStartUs);
}

interface Growth {
  readonly childrenOf: ReadonlyMap<string, readonly SpanRecord[]>;
  readonly placed: Set<string>;
}

/** Without recursion, because a trace may be as deep as whoever sent it likes. */
function grow(span: SpanRecord, { childrenOf, placed }: Growth): SpanNode {
  const root = toNode(span, 0);
  const order: SpanNode[] = [root];
  placed.add(span.spanId);
  for (const node of order) {
    for (const child of childrenOf.get(node.span.spanId) ?? []) {
      if (placed.has(child.spanId)) continue;
      placed.add(child.spanId);
      const grown = toNode(child, node.depth + 1);
      node.children.push(grown);
      order.push(grown);
    }
  }
  for (const node of order.reverse()) measure(node);
  return root;
}

function toNode(span: SpanRecord, depth: number): SpanNode {
  const { startUs, durationUs } = span;
  return {
    span,
    depth,
    children: [],
    firstStartUs: startUs,
    lastEndUs: startUs + durationUs,
    selfUs: durationUs,
  };
}

function measure(node: SpanNode): void {
  const { startUs, durationUs } = node.span;
  const endUs = startUs + durationUs;
  let coveredTo = startUs;
  let covered = 0;
  for (const { span, firstStartUs, lastEndUs } of node.children) {
    node.firstStartUs = Math.min(node.firstStartUs, firstStartUs);
    node.lastEndUs = Math.max(node.lastEndUs, lastEndUs);
    const from = Math.max(coveredTo, span.startUs);
    const to = Math.min(endUs, span.startUs + span.durationUs);
    if (to > from) {
      covered += to - from;
      coveredTo = to;
    }
  }
  node.selfUs = durationUs - covered;
}

/** Each node before its children, as a waterfall shows them. */
export function inOrder(roots: readonly SpanNode[]): readonly SpanNode[] {
  const result: SpanNode[] = [];
  const waiting = roots.toReversed();
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    result.push(node);
    for (const child of node.children.toReversed()) waiting.push(child);
  }
  return result;
}
