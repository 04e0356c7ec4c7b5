import type { FlowDefinition, FlowStep, Sign } from './definition.ts';

export const flowStatuses = ['open', 'failing', 'completed', 'failed'] as const;
/**
 * `open`: under way. `failing`: something went wrong, and the end, or the undoing of a step, is still to come. `completed`: it ended well. `failed`: it
 * ended badly, and everything is undone.
 */
export type FlowStatus = (typeof flowStatuses)[number];

/** When events of each topic occurred, first and last, in epoch milliseconds. All that is known of a flow. */
export type Seen = Readonly<Record<string, readonly [firstMs: number, lastMs: number]>>;

export const flowStepStates = ['open', 'done', 'failed', 'undone'] as const;
export type FlowStepState = (typeof flowStepStates)[number];

export interface StepPicture {
  readonly name: string;
  /** What the latest event about it shows; `open` if there is none. */
  readonly state: FlowStepState;
  /** When it was first seen to be done, failed, undone; epoch milliseconds. */
  readonly doneAtMs: number | undefined;
  readonly failedAtMs: number | undefined;
  readonly undoneAtMs: number | undefined;
}

/** Something that a flow waits for: any of these events. */
export interface Awaited {
  /** Undefined: its end. */
  readonly step: string | undefined;
  readonly what: 'done' | 'undone' | 'end';
  readonly events: readonly string[];
}

/** How far a flow has come. */
export interface FlowPicture {
  readonly status: FlowStatus;
  readonly steps: readonly StepPicture[];
  /** What is to come next; empty once it has ended. */
  readonly waitsFor: readonly Awaited[];
  readonly startedAtMs: number;
  /** Of its latest event. */
  readonly lastAtMs: number;
  readonly endedAtMs: number | undefined;
  /** From when on it is late, unless something happens before; undefined once it has ended. */
  readonly dueAtMs: number | undefined;
}

/** The same object if the event tells nothing new. Commutative, associative and idempotent: the order of events, and repetitions, make no difference. */
export function addSighting(seen: Seen, topic: string, atMs: number): Seen {
  const [firstMs, lastMs] = seen[topic] ?? [atMs, Number.NEGATIVE_INFINITY];
  if (atMs >= firstMs && atMs <= lastMs) return seen;
  return { ...seen, [topic]: [Math.min(firstMs, atMs), Math.max(lastMs, atMs)] };
}

/** A pure function of what was seen, so any order of the same events gives the same picture. Undefined if nothing of it concerns the flow. */
export function pictureOf(definition: FlowDefinition, seen: Seen): FlowPicture | undefined {
  const known = definition.topics.flatMap((topic) => seen[topic] ?? []);
  if (known.length === 0) return undefined;
  const startedAtMs = Math.min(...known);
  const lastAtMs = Math.max(...known);
  const steps = definition.steps.map((step) => stepPicture(step, seen));
  const isDone = new Set(steps.filter(({ doneAtMs }) => doneAtMs !== undefined).map(({ name }) => name));
  const going: Going = { definition, seen, steps, isDone };
  const isBad = goesBadly(going);
  const waitsFor = isBad ? awaitedWhenFailing(going) : awaitedWhenOpen(going);
  const isOver = waitsFor.length === 0;
  const status = isBad ? (isOver ? 'failed' : 'failing') : isOver ? 'completed' : 'open';
  const { lateAfterMs, withinMs = Number.POSITIVE_INFINITY } = definition;
  return {
    ...{ status, steps, waitsFor, startedAtMs, lastAtMs },
    endedAtMs: isOver ? endOf(going, isBad) : undefined,
    dueAtMs: isOver ? undefined : Math.min(lastAtMs + lateAfterMs, startedAtMs + withinMs),
  };
}

interface Going {
  readonly definition: FlowDefinition;
  readonly seen: Seen;
  readonly steps: readonly StepPicture[];
  /** Steps that were done, whatever became of them. */
  readonly isDone: ReadonlySet<string>;
}

function stepPicture(step: FlowStep, seen: Seen): StepPicture {
  const done = spanOf(step.done, seen);
  const failed = spanOf(step.failed, seen);
  const undone = spanOf(step.undone, seen);
  // Of equal times the one that is further on counts: a step is tried again after it failed, and undone after it was done.
  let state: FlowStepState = 'open';
  let atMs = Number.NEGATIVE_INFINITY;
  for (const [next, span] of [
    ['failed', failed],
    ['done', done],
    ['undone', undone],
  ] as const) {
    if (span === undefined || span[1] < atMs) continue;
    state = next;
    atMs = span[1];
  }
  return { name: step.name, state, doneAtMs: done?.[0], failedAtMs: failed?.[0], undoneAtMs: undone?.[0] };
}

function spanOf(signs: readonly Sign[], seen: Seen): readonly [number, number] | undefined {
  const spans = signs.flatMap(({ topic }) => (seen[topic] === undefined ? [] : [seen[topic]]));
  if (spans.length === 0) return undefined;
  return [Math.min(...spans.map(([first]) => first)), Math.max(...spans.map(([, last]) => last))];
}

/** The later of the two ends says which it was. Before any, a step that failed does, unless a flow without a declared end has done all it was to do. */
function goesBadly(going: Going): boolean {
  const { definition, seen, steps } = going;
  const well = spanOf(definition.ends.well, seen);
  const badly = spanOf(definition.ends.badly, seen);
  if (badly !== undefined) return well === undefined || badly[1] >= well[1];
  if (well !== undefined) return false;
  if (definition.ends.well.length === 0 && missingSteps(going).length === 0) return false;
  return steps.some(({ state }) => state === 'failed' || state === 'undone');
}

function missingSteps({ definition, isDone }: Going): readonly FlowStep[] {
  return definition.steps.filter(({ name, isOptional }) => !isOptional && !isDone.has(name));
}

/** Steps whose turn it is, optional ones among them, or else the end. */
function awaitedWhenOpen(going: Going): readonly Awaited[] {
  const { definition, seen, isDone } = going;
  const hasEnded = definition.ends.well.length === 0 || spanOf(definition.ends.well, seen) !== undefined;
  const byName = new Map(definition.steps.map((step) => [step.name, step]));
  const isMet = (name: string): boolean => {
    const step = byName.get(name);
    return isDone.has(name) || (step?.isOptional === true && step.after.every(isMet));
  };
  const last = definition.steps.findLastIndex(({ name }) => isDone.has(name));
  const isNext = ({ name, after, isOptional }: FlowStep, index: number) =>
    !isDone.has(name) && after.every(isMet) && (!isOptional || (!hasEnded && index > last));
  const next = definition.steps.filter(isNext);
  const isEndNext = !hasEnded && next.every(({ isOptional }) => isOptional);
  return [
    ...next.map(({ name, done }): Awaited => ({ step: name, what: 'done', events: topicsOf(done) })),
    ...(isEndNext ? [{ step: undefined, what: 'end', events: topicsOf(definition.ends.well) } as const] : []),
  ];
}

/** Steps that were done and are to be undone; and the end. */
function awaitedWhenFailing({ definition, seen, steps }: Going): readonly Awaited[] {
  const hasEnded = definition.ends.badly.length === 0 || spanOf(definition.ends.badly, seen) !== undefined;
  const states = new Map(steps.map((step) => [step.name, step.state]));
  const toUndo = definition.steps.filter(
    ({ name, undone }) => undone.length > 0 && states.get(name) === 'done',
  );
  return [
    ...toUndo.map(({ name, undone }): Awaited => ({ step: name, what: 'undone', events: topicsOf(undone) })),
    ...(hasEnded ? [] : [{ step: undefined, what: 'end', events: topicsOf(definition.ends.badly) } as const]),
  ];
}

/** When the last thing happened that it waited for. What is heard of it later does not count. */
function endOf({ definition, seen, steps }: Going, isBad: boolean): number {
  const end =
    spanOf(isBad ? definition.ends.badly : definition.ends.well, seen)?.[0] ?? Number.NEGATIVE_INFINITY;
  const times = steps.flatMap(({ doneAtMs, failedAtMs, undoneAtMs }, index) => {
    if (isBad) return [failedAtMs ?? end, undoneAtMs ?? end];
    return definition.steps[index]?.isOptional === true ? [] : (doneAtMs ?? end);
  });
  return Math.max(end, ...times);
}

function topicsOf(signs: readonly Sign[]): readonly string[] {
  return signs.map(({ topic }) => topic);
}
