import type { Sql } from '@banyan/banyan';
import type { InvoiceData } from '../order/contract.ts';
import { isId } from '../vocabulary/text.ts';

/**
 * Takes note of an order. The revision decides, not the time: a record that comes again, or late behind a newer one, changes nothing,
 * and one statement decides, so two instances may do it at once.
 *
 * @param evenIfKnown replaces a copy of the same revision too
 */
export async function recordInvoice(sql: Sql, data: InvoiceData, evenIfKnown = false): Promise<void> {
  const { orderId, number, revision, status, updated, customer, billingAddress, lines } = data;
  await sql`
    insert into invoices (order_id, number, revision, status, updated, customer, billing_address, lines, accepted_at)
    values (${orderId}, ${number}, ${revision}, ${status}, ${updated}, ${sql.json(customer)},
            ${sql.json(billingAddress)}, ${sql.json(lines)}, ${updated})
    on conflict (order_id) do update set
      number = excluded.number, revision = excluded.revision, status = excluded.status, updated = excluded.updated,
      customer = excluded.customer, billing_address = excluded.billing_address, lines = excluded.lines
    where invoices.revision < excluded.revision or (${evenIfKnown} and invoices.revision = excluded.revision)`;
}

export async function cancelInvoice(
  sql: Sql,
  { orderId, revision, updated }: { orderId: string; revision: number; updated: string },
): Promise<void> {
  await sql`
    update invoices set revision = ${revision}, status = 'cancelled', updated = ${updated}
    where order_id = ${orderId} and revision < ${revision}`;
}

export async function findInvoice(sql: Sql, orderId: string): Promise<InvoiceData | undefined> {
  if (!isId(orderId)) return undefined;
  const [row] = await sql<InvoiceData>`select ${columns(sql)} from invoices where order_id = ${orderId}`;
  return row && { ...row };
}

/** Newest first, from just below the id `before`. */
export function findInvoices(
  sql: Sql,
  { before, limit }: { readonly before: string; readonly limit: number },
): Promise<InvoiceData[]> {
  return sql<InvoiceData>`
    select ${columns(sql)} from invoices where order_id < ${before} order by order_id desc limit ${limit}`;
}

/** Of orders, the ids of those that have no invoice. */
export async function findOrphans(
  sql: Sql,
  orders: AsyncIterable<{ readonly orderId: string }>,
): Promise<string[]> {
  const orphans: string[] = [];
  let ids: string[] = [];
  const check = async () => {
    orphans.push(...(await withoutInvoice(sql, ids)));
    ids = [];
  };
  for await (const { orderId } of orders) {
    ids.push(orderId);
    if (ids.length === 500) await check();
  }
  if (ids.length > 0) await check();
  return orphans;
}

/** Those of `orderIds` that have no invoice. */
async function withoutInvoice(sql: Sql, orderIds: readonly string[]): Promise<string[]> {
  const rows = await sql<{ orderId: string }>`
    select wanted.order_id from unnest(${sql.array(orderIds, 'uuid')}) as wanted (order_id)
    where not exists (select from invoices where invoices.order_id = wanted.order_id)`;
  return rows.map(({ orderId }) => orderId);
}

function columns(sql: Sql) {
  return sql`order_id, number, revision, status, updated, customer, billing_address, lines`;
}
