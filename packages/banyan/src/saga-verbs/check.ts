import {
  checkHistories,
  checkJournals,
  type DurableHistory,
  type JournalEntry,
  type SagaHistory,
} from '@banyan/saga';
import { readJson, type VerbInput, wrong } from '../event-verbs/verb.ts';
import { renderTable } from '../table.ts';
import { serviceWithSagas } from './named.ts';

/** Instances of each status that are looked at. More is refused rather than left out: nobody may think that all were. */
const most = 100_000;

/**
 * `banyan saga check NAME`: would this checkout break sagas that are under way? Takes them from the running system, or from a file that
 * `banyan saga ls --json` wrote. Exit code 1 if any would break.
 */
export async function check(input: VerbInput): Promise<number> {
  const { service, sagas } = await serviceWithSagas(input, 'check');
  const isGiven = input.options['file'] !== undefined;
  const histories = isGiven ? await readHistories(input) : await openSagas(sagas);
  const isDurable = (history: SagaHistory): history is DurableHistory => history.state.durable !== undefined;
  const plain = checkHistories(
    service.sagas,
    histories.filter((history) => !isDurable(history)),
  );
  const replayed = await checkJournals(service.durable, histories.filter(isDurable));
  const checked = plain.checked + replayed.checked;
  const broken = [...plain.broken, ...replayed.broken];
  if (input.options['json'] === true) {
    input.terminal.write(`${JSON.stringify({ checked, broken }, null, 2)}\n`);
  } else {
    input.terminal.write(`${broken.length} of ${checked} sagas under way would break.\n`);
    const rows = broken.slice(0, 50).map(({ id, saga, step, reason }) => [id, saga, step ?? '–', reason]);
    if (rows.length > 0) input.terminal.write(renderTable(['id', 'saga', 'step', 'why'], rows));
  }
  return broken.length === 0 ? 0 : 1;
}

async function openSagas(
  sagas: Awaited<ReturnType<typeof serviceWithSagas>>['sagas'],
): Promise<readonly SagaHistory[]> {
  const statuses = ['running', 'compensating', 'stuck'] as const;
  const lists = await Promise.all(statuses.map((status) => sagas.list({ status, limit: most })));
  if (lists.some(({ length }) => length >= most)) {
    throw wrong(`More than ${most} sagas are under way: give those to check with --file.`);
  }
  const found = lists.flat();
  const durable = found.filter(({ state }) => state.durable !== undefined).map(({ id }) => id);
  const journals = new Map<string, readonly JournalEntry[]>();
  for (let from = 0; from < durable.length; from += 500) {
    for (const [id, journal] of await sagas.journal(durable.slice(from, from + 500)))
      journals.set(id, journal);
  }
  return found.map((saga) =>
    saga.state.durable === undefined ? saga : { ...saga, journal: journals.get(saga.id) ?? [] },
  );
}

async function readHistories(input: VerbInput): Promise<readonly SagaHistory[]> {
  const found = await readJson(input, "a list of sagas, as 'banyan saga ls NAME --json' writes it");
  if (Array.isArray(found)) return found as SagaHistory[];
  throw wrong("The file is no list of sagas: write it with 'banyan saga ls NAME --json'.");
}
