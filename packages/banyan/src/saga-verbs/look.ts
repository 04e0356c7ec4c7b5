import { writeFile } from 'node:fs/promises';
import {
  drawJournal,
  drawSaga,
  type JournalEntry,
  type SagaStatus,
  type SagaStore,
  type StoredSaga,
  sagaStatuses,
  wordsFor,
} from '@banyan/saga';
import { limitOf, type VerbInput, wrong } from '../event-verbs/verb.ts';
import { renderTable } from '../table.ts';
import { sagaNamed, serviceWithSagas } from './named.ts';

/** `banyan saga ls NAME`: newest first. */
export async function ls(input: VerbInput): Promise<number> {
  const { sagas } = await serviceWithSagas(input, 'ls');
  const { status } = input.options;
  if (status !== undefined && !sagaStatuses.includes(status as SagaStatus)) {
    throw wrong(`--status is one of ${sagaStatuses.join(', ')}.`);
  }
  const [, name] = input.words;
  const found = await sagas.list({
    limit: limitOf(input),
    ...(name === undefined ? undefined : { name }),
    ...(status === undefined ? undefined : { status: status as SagaStatus }),
  });
  if (input.options['json'] === true) {
    input.terminal.write(`${JSON.stringify(await withJournals(sagas, found), null, 2)}\n`);
  } else if (found.length === 0) input.terminal.write('No sagas.\n');
  else {
    const rows = found.map((saga) => [
      saga.id,
      `${saga.name}@${saga.version}`,
      saga.status,
      saga.startedAt,
      saga.worker ?? '–',
      standingOf(saga),
    ]);
    input.terminal.write(renderTable(['id', 'saga', 'status', 'started', 'worker', 'where'], rows));
  }
  return 0;
}

/** `banyan saga show NAME ID`: everything that is known, as JSON; `--svg` draws the path that it took. */
export async function show(input: VerbInput): Promise<number> {
  const { ports, saga, definition } = await sagaNamed(input, 'show');
  const { svg } = input.options;
  if (typeof svg !== 'string') {
    const [shown = saga] = await withJournals(ports.sagas, [saga]);
    input.terminal.write(`${JSON.stringify(shown, null, 2)}\n`);
    return 0;
  }
  if (saga.state.durable !== undefined) {
    const journals = await ports.sagas.journal([saga.id]);
    await writeFile(svg, drawJournal(saga, journals.get(saga.id) ?? []));
    input.terminal.write(`${svg}\n`);
    return 0;
  }
  if (definition?.kind !== 'saga') throw wrong(`This checkout has no ${saga.name}@${saga.version} to draw.`);
  await writeFile(svg, drawSaga(definition, saga));
  input.terminal.write(`${svg}\n`);
  return 0;
}

/** `banyan saga audit NAME`: what operators did, newest first. */
export async function audit(input: VerbInput): Promise<number> {
  const { sagas } = await serviceWithSagas(input, 'audit');
  const entries = await sagas.audit(limitOf(input));
  if (input.options['json'] === true) input.terminal.write(`${JSON.stringify(entries, null, 2)}\n`);
  else if (entries.length === 0) input.terminal.write('Nobody has done anything.\n');
  else {
    const rows = entries.map(({ at, actor, action, sagaId }) => [at, actor, action, sagaId]);
    input.terminal.write(renderTable(['at', 'by', 'action', 'saga'], rows));
  }
  return 0;
}

/** A durable function as it is shown, and as `check` reads it. */
type Shown = StoredSaga & {
  readonly journal?: readonly (JournalEntry & { readonly at: string; readonly command: string })[];
};

/** With the journals of durable functions, in words. */
async function withJournals(store: SagaStore, found: readonly StoredSaga[]): Promise<readonly Shown[]> {
  const durable = found.filter(({ state }) => state.durable !== undefined);
  if (durable.length === 0) return found;
  const journals = await store.journal(durable.map(({ id }) => id));
  return found.map((saga) => {
    if (saga.state.durable === undefined) return saga;
    const entries = journals.get(saga.id) ?? [];
    const journal = entries.map((entry) => ({
      at: new Date(entry.t).toISOString(),
      command: wordsFor(entry),
      ...entry,
    }));
    return { ...saga, journal };
  });
}

function standingOf({ state, waitingFor, status }: StoredSaga): string {
  if (state.durable !== undefined && state.failure !== undefined) {
    return state.failure.reason ?? state.failure.error?.reason ?? state.failure.kind;
  }
  if (state.stuck !== undefined) {
    const { step, phase } = state.stuck;
    return `${phase} ${step}: ${state.steps[step]?.e?.reason ?? state.failure?.kind ?? '?'}`;
  }
  if (waitingFor.length > 0) return `waits for ${waitingFor.join(', ')}`;
  if (status === 'compensated' || status === 'compensating') {
    const { kind = '?', step } = state.failure ?? {};
    return step === undefined ? kind : `${kind} at ${step}`;
  }
  if (state.durable !== undefined) {
    const { pending, entries, progress } = state.durable;
    const now = Object.values(pending).map(wordsFor).join(', ');
    return now === '' ? (progress?.text ?? `${entries} entries`) : now;
  }
  return Object.keys(state.steps).at(-1) ?? '';
}
