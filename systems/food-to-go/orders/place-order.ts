import { createHash } from 'node:crypto';
import type { Sql } from '@banyan/banyan';
import type { LineItem } from './contract.ts';
import type { RestaurantCopy } from './restaurant-copies.ts';

export interface Asked {
  readonly consumerId: string;
  /** What the consumer calls the request. */
  readonly key: string | undefined;
  readonly request: unknown;
}

/**
 * The id of a new order; or of one that there is, if the consumer has sent the request before. Two at one time wait for each other. Undefined if the consumer
 * has used the key for another request.
 */
export async function orderIdFor(sql: Sql, { consumerId, key, request }: Asked): Promise<string | undefined> {
  if (key === undefined) return newId(sql);
  const digest = createHash('sha256').update(JSON.stringify(request)).digest('hex');
  await sql`
    insert into order_requests (consumer_id, idempotency_key, request_digest)
    values (${consumerId}, ${key}, ${digest}) on conflict do nothing`;
  const [row] = await sql<{ orderId: string }>`
    select order_id from order_requests
    where consumer_id = ${consumerId} and idempotency_key = ${key} and request_digest = ${digest}`;
  return row?.orderId;
}

async function newId(sql: Sql): Promise<string> {
  const [row] = await sql<{ orderId: string }>`select uuidv7() as order_id`;
  if (row === undefined) throw new Error('There is no id.');
  return row.orderId;
}

/** The lines at today's prices, or the first item that the menu does not have. */
export function priceLines(
  { menu }: RestaurantCopy,
  wanted: readonly { readonly menuItemId: string; readonly quantity: number }[],
): { readonly lineItems: LineItem[] } | { readonly unknown: string } {
  const lineItems: LineItem[] = [];
  for (const { menuItemId, quantity } of wanted) {
    const item = menu.find((each) => each.menuItemId === menuItemId);
    if (item === undefined) return { unknown: menuItemId };
    lineItems.push({ menuItemId, name: item.name, price: item.price, quantity });
  }
  return { lineItems };
}
