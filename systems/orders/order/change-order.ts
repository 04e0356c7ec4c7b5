import type { Sql } from '@banyan/banyan';
import { isId } from '../vocabulary/text.ts';
import type { OrderRecord } from './contract.ts';
import { findOrder, type OrderRow, toRecord } from './find-orders.ts';

type NewOrder = Pick<OrderRecord, 'customer' | 'shippingAddress' | 'billingAddress' | 'orderLine'>;

export type Change =
  | { readonly result: 'changed' | 'unchanged'; readonly record: OrderRecord }
  | { readonly result: 'notFound' };

/** Stores an order; one that came before under the same idempotency key is left as it is. */
export async function insertOrder(sql: Sql, order: NewOrder, key: string | undefined): Promise<Change> {
  const [inserted] = await sql<OrderRow>`
    insert into orders (customer, shipping_address, billing_address, order_line, idempotency_key)
    values (${sql.json(order.customer)}, ${sql.json(order.shippingAddress)}, ${sql.json(order.billingAddress)},
            ${sql.json(order.orderLine)}, ${key ?? null})
    on conflict (idempotency_key) do nothing
    returning *`;
  if (inserted !== undefined) return { result: 'changed', record: toRecord(inserted) };
  const [earlier] = await sql<OrderRow>`select * from orders where idempotency_key = ${key ?? null}`;
  return earlier === undefined ? { result: 'notFound' } : { result: 'unchanged', record: toRecord(earlier) };
}

/** Unchanged if the order is cancelled. */
export async function updateAddresses(
  sql: Sql,
  orderId: string,
  { shippingAddress, billingAddress }: Pick<OrderRecord, 'shippingAddress' | 'billingAddress'>,
): Promise<Change> {
  if (!isId(orderId)) return { result: 'notFound' };
  const [changed] = await sql<OrderRow>`
    update orders set revision = revision + 1, updated = clock_timestamp(),
      shipping_address = ${sql.json(shippingAddress)}, billing_address = ${sql.json(billingAddress)}
    where order_id = ${orderId} and status = 'accepted'
    returning *`;
  return outcome(sql, orderId, changed);
}

/** Unchanged if the order is cancelled already. */
export async function cancel(sql: Sql, orderId: string): Promise<Change> {
  if (!isId(orderId)) return { result: 'notFound' };
  const [changed] = await sql<OrderRow>`
    update orders set revision = revision + 1, updated = clock_timestamp(), status = 'cancelled'
    where order_id = ${orderId} and status = 'accepted'
    returning *`;
  return outcome(sql, orderId, changed);
}

async function outcome(sql: Sql, orderId: string, changed: OrderRow | undefined): Promise<Change> {
  if (changed !== undefined) return { result: 'changed', record: toRecord(changed) };
  const record = await findOrder(sql, orderId);
  return record === undefined ? { result: 'notFound' } : { result: 'unchanged', record };
}
