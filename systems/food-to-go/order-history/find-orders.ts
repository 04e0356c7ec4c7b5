import type { Sql } from '@banyan/banyan';
import { isId } from '../vocabulary/text.ts';
import type { PastOrder } from './contract.ts';
import type { Place } from './page-token.ts';

export interface Search {
  readonly consumerId: string;
  /** Default: 30 days ago. */
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly status: PastOrder['status'] | undefined;
  readonly keyword: string | undefined;
  /** Orders behind this one only. */
  readonly after: Place | undefined;
  readonly limit: number;
}

/** Newest first. */
export async function findOrders(sql: Sql, search: Search): Promise<PastOrder[]> {
  const { consumerId, since, until, status, keyword, after, limit } = search;
  const words = wordsIn(keyword).map((word) => `%${word}%`);
  const rows = await sql<Row>`
    select ${columns(sql)} from shown
    where consumer_id = ${consumerId}
      and created_at >= ${since === undefined ? sql`clock_timestamp() - interval '30 days'` : sql`${since}`}
      ${until === undefined ? sql`` : sql`and created_at < ${until}`}
      ${status === undefined ? sql`` : sql`and status = ${status}`}
      ${words.length === 0 ? sql`` : sql`and names ilike any (${sql.array(words, 'text')})`}
      ${after === undefined ? sql`` : sql`and (created_at, order_id) < (${after.createdAt}, ${after.orderId})`}
    order by created_at desc, order_id desc limit ${limit}`;
  return rows.map(toPastOrder);
}

/** Undefined, too, if it is somebody else's. */
export async function findOrder(
  sql: Sql,
  { orderId, consumerId }: { readonly orderId: string; readonly consumerId: string },
): Promise<PastOrder | undefined> {
  if (!isId(orderId)) return undefined;
  const [row] = await sql<Row>`
    select ${columns(sql)} from shown where order_id = ${orderId} and consumer_id = ${consumerId}`;
  return row && toPastOrder(row);
}

type Row = Omit<PastOrder, 'rejection'> & { readonly rejection: string | null };

function toPastOrder({ rejection, ...order }: Row): PastOrder {
  return rejection === null ? order : { ...order, rejection };
}

/** Letters and digits only, so that nothing in it is a wildcard. */
function wordsIn(keyword = ''): string[] {
  return keyword.match(/[\p{L}\p{N}]+/gu) ?? [];
}

function columns(sql: Sql) {
  return sql`order_id, revision, status, restaurant, line_items, total, created_at, rejection`;
}
