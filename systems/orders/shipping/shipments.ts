import type { Sql } from '@banyan/banyan';
import type { DeliveryData } from '../order/contract.ts';
import { isId } from '../vocabulary/text.ts';

/**
 * Takes note of an order. The revision decides, not the time: a record that comes again, or late behind a newer one, changes nothing,
 * and one statement decides, so two instances may do it at once.
 *
 * @param evenIfKnown replaces a copy of the same revision too
 */
export async function recordShipment(sql: Sql, data: DeliveryData, evenIfKnown = false): Promise<void> {
  const { orderId, number, revision, status, updated, recipient, deliveryAddress, packages } = data;
  await sql`
    insert into shipments (order_id, number, revision, status, updated, recipient, delivery_address, packages, accepted_at)
    values (${orderId}, ${number}, ${revision}, ${status}, ${updated}, ${sql.json(recipient)},
            ${sql.json(deliveryAddress)}, ${sql.json(packages)}, ${updated})
    on conflict (order_id) do update set
      number = excluded.number, revision = excluded.revision, status = excluded.status, updated = excluded.updated,
      recipient = excluded.recipient, delivery_address = excluded.delivery_address, packages = excluded.packages
    where shipments.revision < excluded.revision or (${evenIfKnown} and shipments.revision = excluded.revision)`;
}

export async function cancelShipment(
  sql: Sql,
  { orderId, revision, updated }: { orderId: string; revision: number; updated: string },
): Promise<void> {
  await sql`
    update shipments set revision = ${revision}, status = 'cancelled', updated = ${updated}
    where order_id = ${orderId} and revision < ${revision}`;
}

export async function findShipment(sql: Sql, orderId: string): Promise<DeliveryData | undefined> {
  if (!isId(orderId)) return undefined;
  const [row] = await sql<DeliveryData>`select ${columns(sql)} from shipments where order_id = ${orderId}`;
  return row && { ...row };
}

/** Newest first, from just below the id `before`. */
export function findShipments(
  sql: Sql,
  { before, limit }: { readonly before: string; readonly limit: number },
): Promise<DeliveryData[]> {
  return sql<DeliveryData>`
    select ${columns(sql)} from shipments where order_id < ${before} order by order_id desc limit ${limit}`;
}

export function weightOf({ packages }: DeliveryData): number {
  return packages.reduce((sum, { count, weightGrams }) => sum + count * weightGrams, 0);
}

function columns(sql: Sql) {
  return sql`order_id, number, revision, status, updated, recipient, delivery_address, packages`;
}

/** Oldest first, from just above the id `after`. */
export function findOrderIds(
  sql: Sql,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<{ orderId: string }[]> {
  return sql<{ orderId: string }>`
    select order_id from shipments where order_id > ${after} order by order_id limit ${limit}`;
}
