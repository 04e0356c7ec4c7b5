import { createValidator } from '@banyan/contract';
import { isServiceError } from '@banyan/core';
import { actionOf, definitionId, type Node, type SagaDefinition } from './definition/definition.ts';
import type { StoredSaga } from './saga-store.ts';
import { isEnded, type SagaState, type StepRecord } from './state.ts';

/** What is known of one instance: from the table, or recorded. */
export type SagaHistory = Pick<StoredSaga, 'id' | 'name' | 'version' | 'input' | 'state' | 'status'>;

export interface BrokenSaga {
  readonly id: string;
  /** `createOrder@1` */
  readonly saga: string;
  /** Where the candidate and the history part. */
  readonly step: string | undefined;
  readonly reason: string;
}

export interface CompatibilityReport {
  /** Instances that were looked at: those that have not ended. */
  readonly checked: number;
  readonly broken: readonly BrokenSaga[];
}

/**
 * Goes through each instance's records with the candidate's definitions, as a worker would: every step that has begun must still be there, of the same
 * kind, and nothing may stand before it that was never done.
 */
export function checkHistories(
  candidates: readonly SagaDefinition[],
  histories: Iterable<SagaHistory>,
): CompatibilityReport {
  const definitions = new Map(candidates.map((each) => [definitionId(each), each]));
  const broken: BrokenSaga[] = [];
  let checked = 0;
  for (const history of histories) {
    if (isEnded(history.status)) continue;
    checked += 1;
    const definition = definitions.get(definitionId(history));
    const found =
      definition === undefined
        ? { step: undefined, reason: `Nothing runs ${definitionId(history)} any more: keep it in 'sagas'.` }
        : findBreak(definition, history);
    if (found !== undefined) broken.push({ id: history.id, saga: definitionId(history), ...found });
  }
  return { checked, broken };
}

type Break = Pick<BrokenSaga, 'step' | 'reason'>;

function findBreak(definition: SagaDefinition, { state, input }: SagaHistory): Break | undefined {
  try {
    createValidator<unknown>(definition.input, 'input').parse(input);
  } catch (error) {
    return { step: undefined, reason: isServiceError(error) ? error.message : String(error) };
  }
  const seen = new Set<string>();
  const found = walk(definition.nodes, state, seen).broken;
  if (found !== undefined) return found;
  const gone = Object.keys(state.steps).find((name) => !seen.has(name));
  if (gone !== undefined)
    return { step: gone, reason: `It has begun '${gone}', which the candidate does not have there.` };
  const pivot = definition.nodes.find((node) => node.kind === 'step' && node.isPivot);
  const isPast = pivot !== undefined && isDone(state.steps[pivot.name]);
  const hasReservations = definition.nodes.some((node) => node.kind === 'step' && node.confirm !== undefined);
  if (state.forward && !isPast && !hasReservations) {
    return { step: pivot?.name, reason: 'It has passed its pivot, and the candidate has none behind it.' };
  }
  if (!state.forward && isPast) {
    return { step: pivot.name, reason: `'${pivot.name}' is done and would now be the pivot.` };
  }
  return undefined;
}

/** Whether the path is at its end, and where it parts from the records. */
function walk(
  nodes: readonly Node[],
  state: SagaState,
  seen: Set<string>,
): { readonly isDone: boolean; readonly broken?: Break } {
  let open: Node | undefined;
  for (const node of nodes) {
    const record = state.steps[node.name];
    const hasBegun = record !== undefined || innerNames(node).some((name) => state.steps[name] !== undefined);
    if (open !== undefined && hasBegun) {
      const reason = `'${open.name}' stands before '${node.name}', which has begun, but was never done.`;
      return { isDone: false, broken: { step: open.name, reason } };
    }
    if (record !== undefined) seen.add(node.name);
    const misfit = record === undefined ? undefined : kindMisfit(node, record);
    if (misfit !== undefined) return { isDone: false, broken: { step: node.name, reason: misfit } };
    if (node.kind === 'branch') {
      if (record === undefined) open ??= node;
      else {
        const inner = walk(node.paths[String(record.r)] ?? [], state, seen);
        if (inner.broken !== undefined) return inner;
        if (!inner.isDone) open ??= node;
      }
    } else if (node.kind === 'parallel') {
      for (const path of Object.values(node.paths)) {
        const inner = walk(path, state, seen);
        if (inner.broken !== undefined) return inner;
        if (!inner.isDone) open ??= node;
      }
    } else if (!isDone(record)) open ??= node;
  }
  return { isDone: open === undefined };
}

function kindMisfit(node: Node, record: StepRecord): string | undefined {
  const differs = (now: string) => `'${node.name}' is now ${now}; the instance knows it as something else.`;
  if (node.kind === 'branch' && !Object.hasOwn(node.paths, String(record.r))) {
    return `'${node.name}' has no path '${String(record.r)}' any more.`;
  }
  if (
    (record.child !== undefined) !== (node.kind === 'child') &&
    (record.child !== undefined || record.s === 'waiting')
  ) {
    if (record.child !== undefined || node.kind === 'child') return differs(`a ${node.kind}`);
  }
  if (record.m !== undefined && actionOf(node, record.m.p)?.kind !== 'send')
    return `'${node.name}' waits for the reply to a message, and the candidate sends none.`;
  if (record.s === 'waiting' && record.m === undefined && (node.kind === 'step' || node.kind === 'parallel'))
    return differs(`a ${node.kind}`);
  if (record.x !== undefined && (node.kind !== 'step' || node.confirm === undefined))
    return differs('not tentative');
  return undefined;
}

function innerNames(node: Node): readonly string[] {
  if (node.kind !== 'branch' && node.kind !== 'parallel') return [];
  return Object.values(node.paths).flatMap((path) =>
    path.flatMap((each) => [each.name, ...innerNames(each)]),
  );
}

/** It has been gone through, whatever became of it later. */
function isDone(record: StepRecord | undefined): boolean {
  return record !== undefined && ['done', 'ignored', 'skipped', 'undone'].includes(record.s);
}
