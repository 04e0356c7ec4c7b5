import { setTimeout as sleep } from 'node:timers/promises';
import type { MetricsOf, Sql } from '@banyan/banyan';
import type { orders } from './contract.ts';
import type { OrderState } from './lifecycle.ts';

const everyMs = 5_000;

/** How many orders wait for their approval, on the metrics page. */
export async function countWaiting({
  sql,
  metrics,
  signal,
}: {
  readonly sql: Sql;
  readonly metrics: MetricsOf<typeof orders>;
  readonly signal: AbortSignal;
}): Promise<void> {
  const pending: OrderState = 'APPROVAL_PENDING';
  while (!signal.aborted) {
    const [row] = await sql<{ waiting: number }>`
      select count(*)::int as waiting from orders where state = ${pending}`;
    metrics.awaitingApproval.set(row?.waiting ?? 0);
    await sleep(everyMs, undefined, { signal }).catch(() => {});
  }
}
