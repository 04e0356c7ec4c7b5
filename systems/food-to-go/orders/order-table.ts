import type { Sql } from '@banyan/banyan';
import type { Loaded } from '@banyan/event-store';
import { totalOf } from '../vocabulary/money.ts';
import { isId } from '../vocabulary/text.ts';
import type { Order } from './contract.ts';
import type { OrderData } from './order.ts';

type Row = Omit<Order, 'total' | 'rejection'> & { readonly rejection: string | null };

/** Writes how an order stands after its events. */
export async function saveOrder(
  sql: Sql,
  orderId: string,
  { state: data, revision }: Loaded<OrderData | undefined>,
): Promise<void> {
  if (data === undefined) return;
  await sql`
    insert into orders (order_id, revision, state, consumer_id, restaurant, line_items, minimum_order, delivery_address,
      rejection, created_at, changed_at)
    values (${orderId}, ${revision}, ${data.state}, ${data.consumerId}, ${sql.json(data.restaurant)},
      ${sql.json(data.lineItems)}, ${sql.json(data.minimumOrder)}, ${sql.json(data.deliveryAddress)},
      ${data.rejection ?? null}, ${data.createdAt}, ${data.changedAt})
    on conflict (order_id) do update set
      revision = excluded.revision, state = excluded.state, line_items = excluded.line_items,
      rejection = excluded.rejection, changed_at = excluded.changed_at`;
}

export async function findOrder(sql: Sql, orderId: string): Promise<Order | undefined> {
  if (!isId(orderId)) return undefined;
  const [row] = await sql<Row>`
    select order_id, revision, state, consumer_id, restaurant, line_items, delivery_address, rejection, created_at, changed_at
    from orders where order_id = ${orderId}`;
  if (row === undefined) return undefined;
  const { rejection, ...order } = row;
  return { ...order, total: totalOf(order.lineItems), ...(rejection !== null && { rejection }) };
}

/** The same, from the events. */
export function toOrder(
  orderId: string,
  { state, revision }: Loaded<OrderData | undefined>,
): Order | undefined {
  if (state === undefined) return undefined;
  const { minimumOrder: _, revisedLineItems: __, lineItems, ...data } = state;
  return { orderId, revision, ...data, lineItems: [...lineItems], total: totalOf(lineItems) };
}
