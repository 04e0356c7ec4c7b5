import type { Node, SagaDefinition } from './definition/definition.ts';
import type { SagaState, SagaStatus, StepRecord, StepState } from './state.ts';

/** What to draw beside the definition: the path that one instance has taken. */
export interface DrawnInstance {
  readonly id: string;
  readonly state: SagaState;
  readonly status: SagaStatus;
}

const boxWidth = 190;
const boxHeight = 46;
const gap = 26;
const margin = 24;

const colours: Record<StepState | 'open', { readonly fill: string; readonly edge: string }> = {
  open: { fill: '#ffffff', edge: '#9aa4b2' },
  done: { fill: '#dff3e4', edge: '#2f7d46' },
  skipped: { fill: '#e9e4f5', edge: '#6a4fa3' },
  ignored: { fill: '#fdf3d8', edge: '#8a6500' },
  failing: { fill: '#fdf3d8', edge: '#8a6500' },
  waiting: { fill: '#e1ecfb', edge: '#2c5fa8' },
  unsure: { fill: '#fdf3d8', edge: '#8a6500' },
  failed: { fill: '#fbe1e0', edge: '#a8322d' },
  undone: { fill: '#eceff3', edge: '#55606e' },
  void: { fill: '#eceff3', edge: '#55606e' },
};

interface Drawn {
  readonly width: number;
  readonly height: number;
  /** @param x centre @param y top */
  render(x: number, y: number): string;
}

/** The saga as a self-contained SVG document, from top to bottom; with an instance, in the colours of what became of each step. */
export function drawSaga(definition: SagaDefinition, instance?: DrawnInstance): string {
  const { name, version } = definition;
  const title = `${name}@${version}${instance === undefined ? '' : ` ${instance.id}: ${instance.status}`}`;
  const body = sequence(definition.nodes, instance?.state);
  const width = Math.max(body.width, title.length * 7.5) + 2 * margin;
  const height = body.height + 2 * margin + 30;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(`Saga ${title}`)}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${margin}" y="${margin}" font-weight="600">${escapeXml(title)}</text>
${body.render(width / 2, margin + 24)}
</svg>
`;
}

function sequence(nodes: readonly Node[], state: SagaState | undefined): Drawn {
  const parts = nodes.map((node) => draw(node, state));
  const height = parts.reduce((sum, part) => sum + part.height, 0) + gap * Math.max(0, parts.length - 1);
  return {
    width: Math.max(boxWidth, ...parts.map(({ width }) => width)),
    height,
    render(x, y) {
      let top = y;
      return parts
        .map((part, index) => {
          const line = index === 0 ? '' : connect(x, top - gap, x, top);
          const drawn = part.render(x, top);
          top += part.height + gap;
          return `${line}${drawn}`;
        })
        .join('\n');
    },
  };
}

function draw(node: Node, state: SagaState | undefined): Drawn {
  const record = state?.steps[node.name];
  if (node.kind !== 'branch' && node.kind !== 'parallel') return box(node, record);
  const paths = Object.entries(node.paths).map(([name, path]) => ({ name, drawn: sequence(path, state) }));
  const width = paths.reduce((sum, { drawn }) => sum + drawn.width, 0) + gap * (paths.length - 1);
  const inner = Math.max(...paths.map(({ drawn }) => drawn.height));
  return {
    width,
    height: boxHeight + inner + 3 * gap,
    render(x, y) {
      const bottom = y + boxHeight + inner + 3 * gap;
      let left = x - width / 2;
      const drawn = paths.map((path) => {
        const centre = left + path.drawn.width / 2;
        left += path.drawn.width + gap;
        const top = y + boxHeight + 2 * gap;
        const end = top + path.drawn.height;
        const isTaken = node.kind === 'parallel' ? record !== undefined : record?.r === path.name;
        return `${connect(x, y + boxHeight, centre, top, isTaken)}<text x="${centre + 6}" y="${top - 8}" font-size="11" fill="#55606e">${escapeXml(path.name)}</text>${path.drawn.render(centre, top)}${connect(centre, end, x, bottom, isTaken)}`;
      });
      return `${box(node, record).render(x, y)}${drawn.join('\n')}`;
    },
  };
}

function box(node: Node, record: StepRecord | undefined): Drawn {
  const { fill, edge } = colours[record?.s ?? 'open'];
  const dash = node.kind === 'step' && node.expiresInMs !== undefined ? ' stroke-dasharray="6 3"' : '';
  const thick = node.kind === 'step' && node.isPivot ? 3 : 1.5;
  return {
    width: boxWidth,
    height: boxHeight,
    render: (x, y) =>
      `<g><rect x="${x - boxWidth / 2}" y="${y}" width="${boxWidth}" height="${boxHeight}" rx="${node.kind === 'step' ? 6 : 20}" fill="${fill}" stroke="${edge}" stroke-width="${thick}"${dash}/><text x="${x}" y="${y + 19}" text-anchor="middle">${escapeXml(node.name)}</text><text x="${x}" y="${y + 36}" text-anchor="middle" font-size="11" fill="#55606e">${escapeXml(describe(node, record))}</text></g>`,
  };
}

function describe(node: Node, record: StepRecord | undefined): string {
  const what =
    node.kind !== 'step'
      ? node.kind
      : node.action?.kind === 'call'
        ? `${node.action.operation.service}.${node.action.operation.name}`
        : (node.action?.kind ?? 'undo only');
  const words = [what, node.kind === 'step' && node.isPivot ? 'pivot' : '', record?.s ?? ''];
  return words.filter((word) => word !== '').join(' · ');
}

function connect(x1: number, y1: number, x2: number, y2: number, isTaken = false): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${isTaken ? '#2f7d46' : '#9aa4b2'}" stroke-width="${isTaken ? 2.5 : 1.5}"/>`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
