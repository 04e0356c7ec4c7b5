import type { Sql } from '@banyan/banyan';
import type { Recipient } from '../vocabulary/address.ts';
import type { PrintOrder } from './contract.ts';
import type { Status } from './status.ts';

interface Row {
  readonly orderId: string;
  readonly status: Status;
  readonly times: PrintOrder['times'];
  readonly photoId: string;
  readonly product: string;
  readonly size: string;
  readonly quantity: number;
  readonly shipTo: Recipient;
  readonly currency: string;
  readonly unitPrice: number;
  readonly postage: number;
  readonly refunded: number | null;
  readonly declineReason: string | null;
  readonly trackingNumber: string | null;
}

/** The order, if there is one with this id and it is this customer's: the two ways of not having it look the same. */
export async function findOrder(
  sql: Sql,
  orderId: string,
  customerId: string,
): Promise<PrintOrder | undefined> {
  const [row] = await sql<Row>`
    select o.*, ${timesOf(sql)} as times from orders o
    where order_id = ${orderId} and customer_id = ${customerId}`;
  return row && toPrintOrder(row);
}

/** The order that was just written. */
export async function readOrder(sql: Sql, orderId: string, customerId: string): Promise<PrintOrder> {
  const order = await findOrder(sql, orderId, customerId);
  if (order === undefined) throw new Error(`Order ${orderId} is gone.`);
  return order;
}

/** Newest first, from just below the id `before`. */
export async function findOrders(
  sql: Sql,
  customerId: string,
  page: { readonly before: string; readonly limit: number },
): Promise<PrintOrder[]> {
  const rows = await sql<Row>`
    select o.*, ${timesOf(sql)} as times from orders o
    where customer_id = ${customerId} and order_id < ${page.before}
    order by order_id desc
    limit ${page.limit}`;
  return rows.map(toPrintOrder);
}

function timesOf(sql: Sql) {
  return sql`(
    select json_object_agg(s.status, to_char(s.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') order by s.at)
    from order_steps s where s.order_id = o.order_id
  )`;
}

function toPrintOrder(row: Row): PrintOrder {
  const { currency, unitPrice, postage, quantity, refunded } = row;
  const { orderId, status, times, photoId, product, size, shipTo } = row;
  const money = (amount: number) => ({ amount, currency });
  return {
    ...{ orderId, status, times, photoId, product, size, quantity, shipTo },
    amounts: {
      unitPrice: money(unitPrice),
      postage: money(postage),
      total: money(unitPrice * quantity + postage),
      ...(refunded === null ? undefined : { refunded: money(refunded) }),
    },
    ...(row.declineReason === null ? undefined : { declineReason: row.declineReason }),
    ...(row.trackingNumber === null ? undefined : { trackingNumber: row.trackingNumber }),
  };
}
