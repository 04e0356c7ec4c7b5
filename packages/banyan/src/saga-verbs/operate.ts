import { cancelStuck, isEnded, type OperatorVerdict, repairStep, retrySaga, skipStep } from '@banyan/saga';
import { actor, readJson, type VerbInput, wrong } from '../event-verbs/verb.ts';
import { type NamedSaga, sagaNamed } from './named.ts';

/** `banyan saga retry NAME ID`: tries again at once. */
export async function retry(input: VerbInput): Promise<number> {
  const named = await sagaNamed(input, 'retry');
  return apply(input, named, { action: 'retry', verdict: retrySaga(named.saga) });
}

/** `banyan saga skip NAME ID`: goes on as if the stuck step were done. */
export async function skip(input: VerbInput): Promise<number> {
  const named = await sagaNamed(input, 'skip');
  return apply(input, named, { action: 'skip', verdict: skipStep(definitionOf(named), named.saga) });
}

/** `banyan saga repair NAME ID --file FILE`: an operator did the step's work; the file has its result. */
export async function repair(input: VerbInput): Promise<number> {
  const named = await sagaNamed(input, 'repair');
  const result = await readJson(input, "the step's result");
  const verdict = repairStep(definitionOf(named), named.saga, result);
  return apply(input, named, { action: 'repair', verdict, detail: { result } });
}

/** `banyan saga cancel NAME ID`: has it undone, unless it has passed its pivot. */
export async function cancel(input: VerbInput): Promise<number> {
  const named = await sagaNamed(input, 'cancel');
  const { ports, saga } = named;
  if (saga.status === 'stuck') {
    return apply(input, named, { action: 'cancel', verdict: cancelStuck(saga) });
  }
  if (isEnded(saga.status)) throw wrong(`It has ended: ${saga.status}.`);
  if (saga.state.forward) throw wrong('It has passed its pivot and cannot be undone.');
  const by = actor(input);
  await ports.sagas.note({ id: saga.id, actor: by, action: 'cancel' });
  const letter = { kind: 'cancel', reason: 'An operator cancelled it.', by } as const;
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
  input.terminal.write(
    isChanged ? `It goes on: ${status}.\n` : 'A worker has it in hand, or it has changed: look again.\n',
  );
  return isChanged ? 0 : 1;
}

function definitionOf({ saga, definition }: NamedSaga) {
  if (definition !== undefined) return definition;
  throw wrong(`This checkout has no ${saga.name}@${saga.version}.`);
}
