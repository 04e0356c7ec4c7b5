import type { Logger, Sql } from '@banyan/banyan';
import { effectOf, type Status } from './status.ts';

export interface Step {
  readonly orderId: string;
  readonly status: Status;
  /** RFC 3339. */
  readonly at: string;
}

/**
 * Takes note of news about an order. Late, repeated or impossible news never moves it backwards, and no step loses its time.
 * @returns true if the order has moved to the step's status just now
 */
export async function recordStep(
  { orderId, status: step, at }: Step,
  { sql, log }: { readonly sql: Sql; readonly log: Logger },
): Promise<boolean> {
  const [order] = await sql<{ status: Status }>`
    select status from orders where order_id = ${orderId} for update`;
  const effect = order === undefined ? 'ignored' : effectOf(step, order.status);
  if (effect === 'ignored') {
    log.debug('News about an order that changes nothing.', { orderId, step, status: order?.status });
    return false;
  }
  await sql`
    insert into order_steps (order_id, status, at) values (${orderId}, ${step}, ${at}) on conflict do nothing`;
  if (effect === 'overtaken') return false;
  await sql`update orders set status = ${step} where order_id = ${orderId}`;
  return true;
}
