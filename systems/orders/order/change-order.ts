import { createHash } from 'node:crypto';
import type { Sql } from '@banyan/banyan';
import { isId } from '../vocabulary/text.ts';
import type { OrderRecord } from './contract.ts';
import { findOrder, type OrderRow, toRecord } from './find-orders.ts';

type NewOrder = Pick<OrderRecord, 'customer' | 'shippingAddress' | 'billingAddress' | 'orderLine'>;

export type Change =
  | { readonly result: 'changed' | 'unchanged'; readonly record: OrderRecord }
  | { readonly result: 'notFound' };

export interface Placement {
  readonly order: NewOrder;
  /** As it came in: a repeat asks for the same, whatever prices are by now. */
  readonly request: unknown;
  readonly idempotencyKey: string | undefined;
}

export type Inserted =
  | { readonly result: 'changed' | 'unchanged'; readonly record: OrderRecord }
  /** The customer used the key for another request before. */
  | { readonly result: 'keyReused' };

/** Stores an order once per customer and idempotency key; one that came before is left as it is. */
export async function insertOrder(sql: Sql, placement: Placement): Promise<Inserted> {
  const { order, request, idempotencyKey = null } = placement;
  const { customer, shippingAddress, billingAddress, orderLine } = order;
  const digest = createHash('sha256').update(JSON.stringify(request)).digest('hex');
  const [inserted] = await sql<OrderRow>`
    insert into orders (customer, shipping_address, billing_address, order_line, idempotency_key, request_digest)
    values (${sql.json(customer)}, ${sql.json(shippingAddress)}, ${sql.json(billingAddress)},
            ${sql.json(orderLine)}, ${idempotencyKey}, ${digest})
    on conflict ((customer->>'customerId'), idempotency_key) do nothing
    returning *`;
  if (inserted !== undefined) return { result: 'changed', record: toRecord(inserted) };
  const [earlier] = await sql<OrderRow>`
    select * from orders
    where customer->>'customerId' = ${customer.customerId} and idempotency_key = ${idempotencyKey}
      and request_digest = ${digest}`;
  return earlier === undefined ? { result: 'keyReused' } : { result: 'unchanged', record: toRecord(earlier) };
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
