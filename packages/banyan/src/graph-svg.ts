import type { GraphEdge, GraphNode, SystemGraph } from '@banyan/chassis';
import { escapeXml } from '@banyan/diagram';

const boxWidth = 170;
const boxHeight = 44;
const rowHeight = 74;
const margin = 24;
const callLane = 18;
const eventLane = 26;
/** Room for the names of events beside their arcs. */
const labelWidth = 200;

interface Arc {
  readonly edge: GraphEdge;
  readonly from: number;
  readonly to: number;
  /** 0 is next to the boxes. */
  readonly lane: number;
}

/**
 * Draws a system as an arc diagram: services below each other, who calls whom on the left (solid), who tells whom on the right
 * (dashed, with the names of the events). Arcs have lanes of their own, so that no two lie on each other. A self-contained SVG document.
 */
export function renderGraphSvg(title: string, graph: SystemGraph): string {
  const rows = new Map(graph.nodes.map((node, index) => [node.name, index]));
  const calls = layOut(graph.edges, rows, 'call');
  const events = layOut(graph.edges, rows, 'event');
  const left = margin + 20 + lanesOf(calls) * callLane;
  const width = left + boxWidth + 20 + lanesOf(events) * eventLane + labelWidth + margin;
  const height = margin * 2 + 20 + graph.nodes.length * rowHeight;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(`Services of ${title}`)}" font-family="system-ui, sans-serif" font-size="13">
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="#55606e"/></marker></defs>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${left - 10}" y="${margin}" text-anchor="end" font-size="11" fill="#55606e">calls</text>
<text x="${left + boxWidth + 10}" y="${margin}" font-size="11" fill="#55606e">events</text>
${calls.map((arc) => renderCall(arc, left)).join('\n')}
${events.map((arc) => renderEvent(arc, left + boxWidth)).join('\n')}
${graph.nodes.map((node, index) => renderNode(node, left, rowTop(index))).join('\n')}
</svg>
`;
}

/** Short arcs first, each into the innermost lane in which it meets no other. */
function layOut(
  edges: readonly GraphEdge[],
  rows: ReadonlyMap<string, number>,
  kind: GraphEdge['kind'],
): Arc[] {
  const known = edges.flatMap((edge) => {
    const from = rows.get(edge.from);
    const to = rows.get(edge.to);
    return edge.kind !== kind || from === undefined || to === undefined ? [] : [{ edge, from, to }];
  });
  known.sort((one, other) => Math.abs(one.from - one.to) - Math.abs(other.from - other.to));
  const arcs: Arc[] = [];
  for (const each of known) {
    let lane = 0;
    while (arcs.some((arc) => arc.lane === lane && meet(arc, each))) lane += 1;
    arcs.push({ ...each, lane });
  }
  return arcs;
}

function meet(one: Omit<Arc, 'lane'>, other: Omit<Arc, 'lane'>): boolean {
  const low = Math.max(Math.min(one.from, one.to), Math.min(other.from, other.to));
  const high = Math.min(Math.max(one.from, one.to), Math.max(other.from, other.to));
  return low <= high;
}

function lanesOf(arcs: readonly Arc[]): number {
  return Math.max(0, ...arcs.map((arc) => arc.lane + 1));
}

function rowTop(index: number): number {
  return margin + 14 + index * rowHeight;
}

/** Arcs leave a box above its middle and arrive below, so that the two directions of one pair differ; inner lanes nearer the middle. */
function levels({ from, to, lane }: Arc): { readonly start: number; readonly end: number } {
  const shift = Math.min(4 + lane * 2, boxHeight / 2 - 4);
  return { start: rowTop(from) + boxHeight / 2 - shift, end: rowTop(to) + boxHeight / 2 + shift };
}

function renderCall(arc: Arc, x: number): string {
  const { start, end } = levels(arc);
  const outer = x - 20 - arc.lane * callLane;
  return renderPath(
    `M${x} ${start} C${outer} ${start} ${outer} ${start} ${outer} ${(start + end) / 2} S${outer} ${end} ${x - 1} ${end}`,
    '',
  );
}

function renderEvent(arc: Arc, x: number): string {
  const { start, end } = levels(arc);
  const outer = x + 24 + arc.lane * eventLane;
  const middle = (start + end) / 2;
  const path = `M${x} ${start} C${outer} ${start} ${outer} ${start} ${outer} ${middle} S${outer} ${end} ${x + 1} ${end}`;
  // The two directions of a pair have the same middle: one name goes above it, one below.
  const labelY = middle + 4 + (arc.from < arc.to ? 9 : -9);
  const label = `<text x="${outer + 4}" y="${labelY}" font-size="10.5" fill="#30485c" paint-order="stroke" stroke="#ffffff" stroke-width="4">${escapeXml(arc.edge.labels.join(', '))}</text>`;
  return renderPath(path, ' stroke-dasharray="5 4"') + label;
}

function renderPath(path: string, dash: string): string {
  return `<path d="${path}" fill="none" stroke="#55606e" stroke-width="1.2"${dash} marker-end="url(#arrow)"/>`;
}

function renderNode(node: GraphNode, x: number, y: number): string {
  const middle = x + boxWidth / 2;
  const stroke = node.development ? ' stroke-dasharray="4 3"' : '';
  const version =
    node.version === '' ? 'public' : `${node.version}${node.development ? ' · development' : ''}`;
  return `<g><rect x="${x}" y="${y}" width="${boxWidth}" height="${boxHeight}" rx="8" fill="#eef5ee" stroke="#3c6e47"${stroke}/><text x="${middle}" y="${y + 19}" text-anchor="middle" font-weight="600" fill="#1d2b20">${escapeXml(node.name)}</text><text x="${middle}" y="${y + 35}" text-anchor="middle" font-size="11" fill="#55606e">${escapeXml(version)}</text></g>`;
}
