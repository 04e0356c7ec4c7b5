import { readFile } from 'node:fs/promises';
import { checkHistories, type SagaHistory } from '@banyan/saga';
import { type VerbInput, wrong } from '../event-verbs/verb.ts';
import { renderTable } from '../table.ts';
import { serviceWithSagas } from './named.ts';

/** Open instances that are looked at. */
const most = 100_000;

/**
 * `banyan saga check NAME`: would this checkout break sagas that are under way? Takes them from the running system, or from a file that
 * `banyan saga ls --json` wrote. Exit code 1 if any would break.
 */
export async function check(input: VerbInput): Promise<number> {
  const { service, sagas } = await serviceWithSagas(input, 'check');
  const { file } = input.options;
  const histories = typeof file === 'string' ? await readHistories(file) : await openSagas(sagas);
  const { checked, broken } = checkHistories(service.sagas, histories);
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
  return lists.flat();
}

async function readHistories(file: string): Promise<readonly SagaHistory[]> {
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (Array.isArray(found)) return found as SagaHistory[];
  } catch (cause) {
    throw wrong(`Cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  throw wrong(`${file} is no list of sagas: write it with 'banyan saga ls NAME --json'.`);
}
