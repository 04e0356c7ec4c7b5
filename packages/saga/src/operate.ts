import type { Node, SagaDefinition } from './definition/definition.ts';
import { allNodes } from './definition/definition.ts';
import type { StoredSaga } from './saga-store.ts';
import { isEnded, type SagaState, type SagaStatus, type StepRecord } from './state.ts';

/** What an operator's word makes of a saga; `refused` says why it cannot be. */
export type OperatorVerdict =
  | { readonly state: SagaState; readonly status: SagaStatus; readonly refused?: undefined }
  | { readonly refused: string };

type Operated = Pick<StoredSaga, 'state' | 'status'>;

/** Tries again at once: what is stuck, and what waits for its next attempt. */
export function retrySaga({ state, status }: Operated): OperatorVerdict {
  if (isEnded(status)) return { refused: `it has ended: ${status}.` };
  const steps = Object.fromEntries(
    Object.entries(state.steps).map(([name, record]) => [name, afresh(record)]),
  );
  return { state: unstuck({ ...state, steps }), status: state.stuck?.from ?? status };
}

/** Goes on as if the stuck step were done, or undone. Its effect is the operator's business. */
export function skipStep(definition: SagaDefinition, { state, status }: Operated): OperatorVerdict {
  return goOn(definition, { state, status }, { s: 'skipped' });
}

/** As `skipStep`, but what an operator did counts as the step's own work: later steps see `result`, and it is undone with the rest. */
export function repairStep(
  definition: SagaDefinition,
  { state, status }: Operated,
  result: unknown,
): OperatorVerdict {
  return goOn(definition, { state, status }, { s: 'done', r: result });
}

/** Has a stuck saga undone. Others are told by letter. */
export function cancelStuck({ state, status }: Operated): OperatorVerdict {
  if (status !== 'stuck' || state.stuck === undefined) return { refused: 'it is not stuck.' };
  if (state.forward)
    return { refused: 'it has passed its pivot and cannot be undone: retry, skip or repair it.' };
  if (state.stuck.from === 'compensating')
    return { refused: 'it is being undone already: retry, skip or repair it.' };
  return { state: unstuck(state), status: 'compensating' };
}

function goOn(definition: SagaDefinition, { state, status }: Operated, record: StepRecord): OperatorVerdict {
  const { stuck } = state;
  if (status !== 'stuck' || stuck === undefined) return { refused: `it is not stuck, but ${status}.` };
  const { step, phase, from } = stuck;
  const known = state.steps[step];
  const node: Node | undefined = [...allNodes(definition.nodes)].find(({ name }) => name === step);
  if (node === undefined) return { refused: `its version has no step '${step}'.` };
  const isDone = phase === 'do';
  const changed: StepRecord = isDone
    ? record
    : phase === 'confirm'
      ? { ...afresh(known ?? { s: 'done' }), c: true }
      : { ...afresh(known ?? { s: 'done' }), s: phase === 'void' ? 'void' : 'undone' };
  const isPivot = node.kind === 'step' && node.isPivot && isDone;
  const { failure: _failure, ...rest } = state;
  const kept = isDone ? rest : state;
  return {
    status: from,
    state: unstuck({
      ...kept,
      steps: { ...state.steps, [step]: changed },
      done: isDone && record.s === 'done' ? [...state.done, step] : state.done,
      ...(isPivot ? { forward: true as const } : undefined),
    }),
  };
}

function unstuck({ stuck: _stuck, ...state }: SagaState): SagaState {
  return state;
}

/** Without what earlier attempts left. What waits for a time or a signal goes on waiting. */
function afresh(record: StepRecord): StepRecord {
  if (record.s === 'waiting') return record;
  const { n: _n, at: _at, e: _e, ...rest } = record;
  return rest;
}
