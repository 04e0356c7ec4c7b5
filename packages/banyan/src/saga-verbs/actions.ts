import {
  answerDurable,
  cancelStuck,
  cancelStuckDurable,
  isEnded,
  type OperatorVerdict,
  repairStep,
  retryDurable,
  retrySaga,
  skipDurable,
  skipStep,
} from '@banyan/saga';
import { wrong } from '../event-verbs/verb.ts';
import type { NamedSaga } from './named.ts';

/** What came of an operator's action on a saga. */
export interface SagaDeed {
  /** False: a worker has it in hand, or it has changed meanwhile. */
  readonly isDone: boolean;
  /** For the operator. */
  readonly text: string;
}

/** Tries again at once. @throws ServiceError `invalid_argument` if there is nothing to try */
export function retryNamed(named: NamedSaga, by: string): Promise<SagaDeed> {
  const verdict = isDurable(named) ? retryDurable(named.saga) : retrySaga(named.saga);
  return apply(named, { action: 'retry', by, verdict });
}

/** Goes on as if the stuck step were done. @throws as `retryNamed` */
export function skipNamed(named: NamedSaga, by: string): Promise<SagaDeed> {
  const verdict = isDurable(named) ? skipDurable(named.saga) : skipStep(definitionOf(named), named.saga);
  return apply(named, { action: 'skip', by, verdict });
}

/** An operator did the work of the step, or of a function that cannot go on; `result` is what it gave. @throws as `retryNamed` */
export function repairNamed(named: NamedSaga, by: string, result: unknown): Promise<SagaDeed> {
  const verdict = isDurable(named)
    ? answerDurable(named.saga, result)
    : repairStep(definitionOf(named), named.saga, result);
  return apply(named, { action: 'repair', by, verdict, detail: { result } });
}

/** Has it undone, unless it has passed its pivot. @throws ServiceError `invalid_argument` if it has, or has ended */
export async function cancelNamed(named: NamedSaga, by: string): Promise<SagaDeed> {
  const { ports, saga } = named;
  if (saga.status === 'stuck') {
    const verdict = isDurable(named) ? cancelStuckDurable(saga) : cancelStuck(saga);
    const deed = await apply(named, { action: 'cancel', by, verdict });
    const goesOn = verdict.refused === undefined && !isEnded(verdict.status);
    return deed.isDone && goesOn && isDurable(named) ? tellToCancel(named, by) : deed;
  }
  if (isEnded(saga.status)) throw wrong(`It has ended: ${saga.status}.`);
  if (saga.state.forward) throw wrong('It has passed its pivot and cannot be undone.');
  await ports.sagas.note({ id: saga.id, actor: by, action: 'cancel' });
  return tellToCancel(named, by);
}

async function tellToCancel({ ports, saga }: NamedSaga, by: string): Promise<SagaDeed> {
  const letter = { kind: 'cancel', reason: 'An operator cancelled it.', by } as const;
  await ports.database.tx(({ sql }) => ports.sagas.post(sql, saga.id, letter));
  return { isDone: true, text: 'It was told to cancel.' };
}

interface Change {
  readonly action: string;
  readonly by: string;
  readonly verdict: OperatorVerdict;
  readonly detail?: unknown;
}

async function apply({ ports, saga }: NamedSaga, { action, by, verdict, detail }: Change): Promise<SagaDeed> {
  if (verdict.refused !== undefined) throw wrong(`${action}: ${verdict.refused}`);
  const { id, state: before, changedAt } = saga;
  const { state, status } = verdict;
  const isDone = await ports.sagas.change(
    { id, actor: by, action, state, status, detail: { ...(detail as object), stuck: before.stuck } },
    changedAt,
  );
  if (isDone && isEnded(status)) await tellParent({ ports, saga }, { state, status });
  return {
    isDone,
    text: isDone ? `It goes on: ${status}.` : 'A worker has it in hand, or it has changed: look again.',
  };
}

/** A function that an operator ended was perhaps somebody's child. */
async function tellParent(
  { ports, saga }: Pick<NamedSaga, 'ports' | 'saga'>,
  { state, status }: Pick<NamedSaga['saga'], 'state' | 'status'>,
): Promise<void> {
  const { parent, id: child } = saga;
  if (parent === undefined) return;
  const { result = null } = state.durable ?? {};
  const letter = { kind: 'child', step: parent.step, child, status, result: { value: result } } as const;
  await ports.database.tx(({ sql }) => ports.sagas.post(sql, parent.id, letter));
}

function isDurable({ saga }: NamedSaga): boolean {
  return saga.state.durable !== undefined;
}

function definitionOf({ saga, definition }: NamedSaga) {
  if (definition?.kind === 'saga') return definition;
  throw wrong(`This checkout has no ${saga.name}@${saga.version}.`);
}
