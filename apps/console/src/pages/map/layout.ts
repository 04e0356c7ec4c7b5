import { Graph, layout } from '@dagrejs/dagre';

export const nodeWidth = 172;
export const nodeHeight = 62;

export interface Link {
  readonly from: string;
  readonly to: string;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface MapLayout {
  readonly width: number;
  readonly height: number;
  /** Upper left corners. */
  readonly nodes: ReadonlyMap<string, Point>;
  /** By `from → to`: from the edge of one node to the edge of the other. */
  readonly links: ReadonlyMap<string, readonly Point[]>;
}

export function linkName({ from, to }: Link): string {
  return `${from} → ${to}`;
}

/** Callers above or left of whom they call. The same nodes and links give the same layout, in whatever order they come. */
export function layOut(
  names: readonly string[],
  links: readonly Link[],
  direction: 'across' | 'down',
): MapLayout {
  // Of no nodes dagre says that they are infinitely small.
  if (names.length === 0) return { width: 0, height: 0, nodes: new Map(), links: new Map() };
  const graph = new Graph({ multigraph: false });
  graph.setGraph({
    rankdir: direction === 'across' ? 'LR' : 'TB',
    nodesep: direction === 'across' ? 20 : 14,
    ranksep: direction === 'across' ? 58 : 52,
    marginx: 8,
    marginy: 8,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const name of names.toSorted()) graph.setNode(name, { width: nodeWidth, height: nodeHeight });
  const known = new Set(names);
  const drawn = links.filter(({ from, to }) => from !== to && known.has(from) && known.has(to));
  for (const { from, to } of drawn.toSorted((a, b) => (linkName(a) < linkName(b) ? -1 : 1)))
    graph.setEdge(from, to);
  layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  return {
    width,
    height,
    nodes: new Map(
      names.map((name) => {
        const { x, y } = graph.node(name) as Point;
        return [name, { x: x - nodeWidth / 2, y: y - nodeHeight / 2 }];
      }),
    ),
    links: new Map(
      drawn.map(({ from, to }) => [
        linkName({ from, to }),
        (graph.edge(from, to) as { readonly points?: readonly Point[] }).points ?? [],
      ]),
    ),
  };
}

/** A smooth line through the points of a link. */
export function toPath(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  const start = `M${round(first.x)} ${round(first.y)}`;
  const middles = rest.slice(0, -1).map((point, index) => {
    const next = rest[index + 1] ?? point;
    const isLast = index === rest.length - 2;
    const end = isLast ? next : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    return `Q${round(point.x)} ${round(point.y)} ${round(end.x)} ${round(end.y)}`;
  });
  const last = rest.at(-1);
  if (middles.length === 0 && last !== undefined) return `${start}L${round(last.x)} ${round(last.y)}`;
  return start + middles.join('');
}

export function middleOf(points: readonly Point[]): Point {
  return points[Math.floor(points.length / 2)] ?? { x: 0, y: 0 };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
