import {
  box,
  boxHeight,
  boxWidth,
  connect,
  type Drawn,
  gap,
  type PaintName,
  svgDocument,
} from '@banyan/diagram';
import type { FlowDefinition, FlowStep } from './definition.ts';
import type { FlowStatus, FlowStepState } from './picture.ts';
import type { FlowView } from './view.ts';

const paints: Record<FlowStepState, PaintName> = {
  open: 'open',
  done: 'good',
  failed: 'bad',
  undone: 'undone',
};
const endPaints: Record<FlowStatus, PaintName> = {
  open: 'open',
  failing: 'doubtful',
  completed: 'good',
  failed: 'bad',
};

/** The flow as a self-contained SVG document, from top to bottom; with one that was seen, in the colours of what became of each step. */
export function drawFlow(definition: FlowDefinition, view?: FlowView): string {
  const { name } = definition;
  const body = layers(definition, view);
  if (view === undefined) return svgDocument({ title: name, label: `Flow ${name}` }, body);
  const standing = standingOf(view);
  const label = `Flow ${name} ${view.key}: ${standing}`;
  return svgDocument({ title: `${name}: ${standing}`, note: view.key, label }, body);
}

function standingOf({ status, lateSince, dismissed }: FlowView): string {
  const notes = [status, lateSince === undefined ? '' : 'late', dismissed === undefined ? '' : 'dismissed'];
  return notes.filter((note) => note !== '').join(', ');
}

/** Steps that go on side by side stand side by side. */
function layers(definition: FlowDefinition, view: FlowView | undefined): Drawn {
  const ranks = ranksOf(definition.steps);
  const rows = [...Map.groupBy(definition.steps, ({ name }) => ranks.get(name) ?? 0).values()];
  const widest = Math.max(...rows.map(({ length }) => length));
  const width = widest * boxWidth + (widest - 1) * gap;
  const rowHeight = boxHeight + gap;
  return {
    width,
    height: (rows.length + 1) * rowHeight - gap,
    render(x, y) {
      const places = new Map<string, { readonly x: number; readonly y: number }>();
      for (const [row, steps] of rows.entries()) {
        const left = x - ((steps.length - 1) * (boxWidth + gap)) / 2;
        for (const [column, { name }] of steps.entries())
          places.set(name, { x: left + column * (boxWidth + gap), y: y + row * rowHeight });
      }
      const end = { x, y: y + rows.length * rowHeight };
      const join = (from: string, to: { readonly x: number; readonly y: number }, isTaken: boolean) => {
        const start = places.get(from) ?? end;
        return connect(start.x, start.y + boxHeight, to.x, to.y, isTaken);
      };
      const isReached = (name: string) => (stepOf(view, name)?.state ?? 'open') !== 'open';
      const isFollowed = new Set(definition.steps.flatMap(({ after }) => after));
      const lines = definition.steps.flatMap(({ name, after }) => {
        const place = places.get(name) ?? end;
        const inward = after.map((from) => join(from, place, isReached(from) && isReached(name)));
        return isFollowed.has(name) ? inward : [...inward, join(name, end, view?.endedAt !== undefined)];
      });
      const boxes = definition.steps.map((step) => {
        const place = places.get(step.name) ?? end;
        return stepBox(step, view).render(place.x, place.y);
      });
      return [...lines, ...boxes, endBox(definition, view).render(end.x, end.y)].join('\n');
    },
  };
}

/** A step stands one row below the lowest of those before it. */
function ranksOf(steps: readonly FlowStep[]): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>();
  for (const { name, after } of steps) {
    ranks.set(name, Math.max(-1, ...after.map((other) => ranks.get(other) ?? 0)) + 1);
  }
  return ranks;
}

function stepBox({ name, done, isOptional }: FlowStep, view: FlowView | undefined): Drawn {
  const step = stepOf(view, name);
  const awaited = view?.waitsFor.find((each) => each.step === name);
  const at = step?.undoneAt ?? step?.doneAt ?? step?.failedAt;
  const note =
    awaited !== undefined
      ? `waits for ${awaited.events.join(', ')}`
      : at === undefined
        ? done.map(({ topic }) => topic).join(', ')
        : `${step?.state} ${at.slice(11, 19)}`;
  const state = awaited?.what === 'done' ? 'waiting' : paints[step?.state ?? 'open'];
  return box({ title: name, note, paint: state, isDashed: isOptional, isHeavy: awaited !== undefined });
}

function endBox({ ends }: FlowDefinition, view: FlowView | undefined): Drawn {
  const isAwaited = view?.waitsFor.some(({ what }) => what === 'end') ?? false;
  const topics = [...ends.well, ...ends.badly].map(({ topic }) => topic);
  const note = view?.endedAt === undefined ? topics.join(', ') : view.endedAt.slice(11, 19);
  return box({
    title: view?.endedAt === undefined ? 'end' : view.status,
    note,
    paint: endPaints[view?.status ?? 'open'],
    shape: 'node',
    isHeavy: isAwaited,
  });
}

function stepOf(view: FlowView | undefined, name: string) {
  return view?.steps.find((step) => step.name === name);
}
