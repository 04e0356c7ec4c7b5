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
import { actor, readJson, type VerbInput, wrong } from '../event-verbs/verb.ts';
import { type NamedSaga, sagaNamed } from './named.ts';

/** `banyan saga retry NAME ID`: tries again at once. */
export async function retry(input: VerbInput): Promise<number> {
  const named = await sagaNamed(input, 'retry');
  const verdict = isDurable(named) ? retryDurable(named.saga) : retrySaga(named.saga);
  return apply(input, named, { action: 'retry', verdict });
}

/** `banyan saga skip NAME ID`: goes on as if the stuck step were done. */
export async function skip(input: VerbInput): Promise<number> {
  const named = await sagaNamed(input, 'skip');
  const verdict = isDurable(named) ? skipDurable(named.saga) : skipStep(definitionOf(named), named.saga);
  return apply(input, named, { action: 'skip', verdict });
}

/** `banyan saga repair NAME ID --file FILE`: an operator did the work of the step, or of a function that cannot go on; the file has its result. */
export async function repair(input: VerbInput): Promise<number> {
  const named = await sagaNamed(input, 'repair');
  const result = await readJson(input, "the step's result");
  const verdict = isDurable(named)
    ? answerDurable(named.saga, result)
    : repairStep(definitionOf(named), named.saga, result);
  return apply(input, named, { action: 'repair', verdict, detail: { result } });
}

/** `banyan saga cancel NAME ID`: has it undone, unless it has passed its pivot. */
export async function cancel(input: VerbInput): Promise<number> {
  const named = await sagaNamed(input, 'cancel');
  const { ports, saga } = named;
  if (saga.status === 'stuck') {
    const verdict = isDurable(named) ? cancelStuckDurable(saga) : cancelStuck(saga);
    const code = await apply(input, named, { action: 'cancel', verdict });
    const goesOn = verdict.refused === undefined && !isEnded(verdict.status);
    return code === 0 && goesOn && isDurable(named) ? tellToCancel(input, named) : code;
  }
  if (isEnded(saga.status)) throw wrong(`It has ended: ${saga.status}.`);
  if (saga.state.forward) throw wrong('It has passed its pivot and cannot be undone.');
  await ports.sagas.note({ id: saga.id, actor: actor(input), action: 'cancel' });
  return tellToCancel(input, named);
}

async function tellToCancel(input: VerbInput, { ports, saga }: NamedSaga): Promise<number> {
  const letter = { kind: 'cancel', reason: 'An operator cancelled it.', by: actor(input) } as const;
  await ports.database.tx(({ sql }) => ports.sagas.post(sql, saga.id, letter));
  input.terminal.write('It was told to cancel.\n');
  return 0;
}

async function apply(
  input: VerbInput,
  { ports, saga }: NamedSaga,
  change: { readonly action: string; readonly verdict: OperatorVerdict; readonly detail?: unknown },
): Promise<number> {
  const { action, verdict, detail } = change;
  if (verdict.refused !== undefined) throw wrong(`${action}: ${verdict.refused}`);
  const { id, state: before, changedAt } = saga;
  const { state, status } = verdict;
  const isChanged = await ports.sagas.change(
    {
      id,
      actor: actor(input),
      action,
      state,
      status,
      detail: { ...(detail as object), stuck: before.stuck },
    },
    changedAt,
  );
  if (isChanged && isEnded(status)) await tellParent({ ports, saga }, { state, status });
  input.terminal.write(
    isChanged ? `It goes on: ${status}.\n` : 'A worker has it in hand, or it has changed: look again.\n',
  );
  return isChanged ? 0 : 1;
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
