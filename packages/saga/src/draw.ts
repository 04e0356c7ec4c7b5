import {
  box,
  boxHeight,
  boxWidth,
  connect,
  type Drawn,
  escapeXml,
  gap,
  type PaintName,
  stack,
  svgDocument,
} from '@banyan/diagram';
import type { Node, SagaDefinition } from './definition/definition.ts';
import type { SagaState, SagaStatus, StepRecord, StepState } from './state.ts';

/** What to draw beside the definition: the path that one instance has taken. */
export interface DrawnInstance {
  readonly id: string;
  readonly state: SagaState;
  readonly status: SagaStatus;
}

const paints: Record<StepState | 'open', PaintName> = {
  open: 'open',
  done: 'good',
  skipped: 'passed',
  ignored: 'doubtful',
  failing: 'doubtful',
  waiting: 'waiting',
  unsure: 'doubtful',
  failed: 'bad',
  undone: 'undone',
  void: 'undone',
};

/** The saga as a self-contained SVG document, from top to bottom; with an instance, in the colours of what became of each step. */
export function drawSaga(definition: SagaDefinition, instance?: DrawnInstance): string {
  const saga = `${definition.name}@${definition.version}`;
  const body = sequence(definition.nodes, instance?.state);
  if (instance === undefined) return svgDocument({ title: saga, label: `Saga ${saga}` }, body);
  const { id, status } = instance;
  const title = `${saga}: ${status}`;
  return svgDocument({ title, note: id, label: `Saga ${saga} ${id}: ${status}` }, body);
}

function sequence(nodes: readonly Node[], state: SagaState | undefined): Drawn {
  return stack(
    nodes.map((node) => draw(node, state)),
    boxWidth,
  );
}

function draw(node: Node, state: SagaState | undefined): Drawn {
  const record = state?.steps[node.name];
  if (node.kind !== 'branch' && node.kind !== 'parallel') return nodeBox(node, record);
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
      return `${nodeBox(node, record).render(x, y)}${drawn.join('\n')}`;
    },
  };
}

function nodeBox(node: Node, record: StepRecord | undefined): Drawn {
  const isStep = node.kind === 'step';
  return box({
    title: node.name,
    note: describe(node, record),
    paint: paints[record?.s ?? 'open'],
    shape: isStep ? 'step' : 'node',
    isDashed: isStep && node.expiresInMs !== undefined,
    isHeavy: isStep && node.isPivot,
  });
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
