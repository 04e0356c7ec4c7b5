import type { InputOf, Sql, Tx } from '@banyan/banyan';
import type { orders } from './contract.ts';

export type ProcessTx = Pick<Tx<typeof orders>, 'sql' | 'start' | 'send'>;
type StartedSaga = Parameters<ProcessTx['start']>[0];

/** Starts a saga of an order, if the transaction commits, and notes that it is one of that order. */
export async function begin<S extends StartedSaga>(
  { sql, start }: ProcessTx,
  saga: S,
  {
    input,
    deadlineMs,
  }: { readonly input: InputOf<S['input']> & { readonly orderId: string }; readonly deadlineMs: number },
): Promise<void> {
  const sagaId = start(saga, input, { deadlineMs });
  await sql`insert into order_processes (saga_id, order_id) values (${sagaId}, ${input.orderId})`;
}

/** Ids of an order's sagas, oldest first. */
export async function findProcesses(sql: Sql, orderId: string): Promise<readonly string[]> {
  const found = await sql<{ sagaId: string }>`
    select saga_id from order_processes where order_id = ${orderId} order by started_at, saga_id`;
  return found.map(({ sagaId }) => sagaId);
}
