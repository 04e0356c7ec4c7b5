import type { Sql } from '@banyan/banyan';
import { isId } from '../vocabulary/text.ts';
import type { OrderRecord } from './contract.ts';

export type OrderRow = Omit<OrderRecord, 'id' | 'numberOfLines'> & { readonly orderId: string };

export function toRecord({ orderId, orderLine, ...row }: OrderRow): OrderRecord {
  const { number, revision, status, updated, customer, shippingAddress, billingAddress } = row;
  return {
    ...{ id: orderId, number, revision, status, updated },
    ...{ customer, shippingAddress, billingAddress, orderLine },
    numberOfLines: orderLine.length,
  };
}

export async function findOrder(sql: Sql, orderId: string): Promise<OrderRecord | undefined> {
  if (!isId(orderId)) return undefined;
  const [row] = await sql<OrderRow>`select * from orders where order_id = ${orderId}`;
  return row && toRecord(row);
}

/** Newest first, from just below the id `before`. */
export async function findNewest(
  sql: Sql,
  { before, limit }: { readonly before: string; readonly limit: number },
): Promise<OrderRecord[]> {
  const rows = await sql<OrderRow>`
    select * from orders where order_id < ${before} order by order_id desc limit ${limit}`;
  return rows.map(toRecord);
}

/** Oldest first, from just above the id `after`. */
export async function findOldest(
  sql: Sql,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<OrderRecord[]> {
  const rows = await sql<OrderRow>`
    select * from orders where order_id > ${after} order by order_id limit ${limit}`;
  return rows.map(toRecord);
}
