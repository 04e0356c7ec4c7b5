import type { Sql } from '@banyan/banyan';
import type { PastOrder } from './contract.ts';

/** What one event says of an order: the status that it means, and whatever else it carries. */
export interface Change extends Readonly<Record<string, unknown>> {
  readonly orderId: string;
  readonly revision: number;
  readonly status: PastOrder['status'];
}

/**
 * Takes note of a change. What has come before does nothing. Changes may come in any order: the order is shown as it is after all that have come, the later
 * ones being those with the higher revisions, and not before its first one has come.
 */
export async function receive(sql: Sql, { orderId, revision, ...change }: Change): Promise<void> {
  await sql`
    insert into received (order_id, revision, change)
    values (${orderId}, ${revision}, ${sql.json(change)})
    on conflict do nothing`;
  await sql`
    insert into shown (${columns(sql)}) ${derived(sql, orderId)}
    on conflict (order_id) do update set
      revision = excluded.revision, status = excluded.status, restaurant = excluded.restaurant,
      line_items = excluded.line_items, total = excluded.total, created_at = excluded.created_at, rejection = excluded.rejection, names = excluded.names`;
}

/**
 * Makes the view anew, in one transaction: until its commit readers see the old one. What comes meanwhile waits, and is shown after that.
 *
 * @returns how many orders it shows
 */
export async function rebuild(sql: Sql): Promise<number> {
  await sql`lock table shown in share row exclusive mode`;
  await sql`delete from shown`;
  const rows = await sql<{ count: number }>`
    with made as (insert into shown (${columns(sql)}) ${derived(sql)} returning 1)
    select count(*)::integer as count from made`;
  return rows[0]?.count ?? 0;
}

function columns(sql: Sql) {
  return sql`order_id, revision, consumer_id, status, restaurant, line_items, total, created_at, rejection, names`;
}

/** What the view shows of one order, or of all. It follows from the events alone: with the clock in it, a view that is made anew would be another one. */
function derived(sql: Sql, orderId?: string) {
  return sql`
    select order_id, revision, content->>'consumerId', content->>'status', content#>>'{restaurant,name}',
      content->'lineItems', content->'total', (content->>'createdAt')::timestamptz, content->>'rejection',
      concat_ws(' ', content#>>'{restaurant,name}', jsonb_path_query_array(content, '$.lineItems[*].name'))
    from (
      select order_id, max(revision) as revision, merged(change order by revision) as content
      from received ${orderId === undefined ? sql`` : sql`where order_id = ${orderId}`}
      group by order_id
    ) as orders
    where content ? 'createdAt'`;
}
