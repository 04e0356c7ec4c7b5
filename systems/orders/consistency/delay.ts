import type { Sql } from '@banyan/banyan';
import type { Delay } from '../vocabulary/consistency.ts';

export interface Flow {
  readonly name: string;
  /** The consumer's table, with `order_id`, `accepted_at` and `recorded_at`. */
  readonly table: string;
  /** The agreed longest time. */
  readonly boundMs: number;
  /** Every order that the source has accepted. */
  readonly accepted: AsyncIterable<{ readonly orderId: string; readonly updated: string }>;
}

/** Measures how long orders took to arrive, and finds those that should have and have not. */
export async function measureDelay(sql: Sql, flow: Flow): Promise<Delay> {
  const overdue = await findOverdue(sql, flow);
  const [measured] = await sql<Omit<Delay, 'flow' | 'boundMs' | 'overdue' | 'alarm'>>`
    select count(*)::integer as arrived,
      coalesce(percentile_disc(0.5) within group (order by ms), 0)::integer as median_ms,
      coalesce(max(ms), 0)::integer as max_ms,
      count(*) filter (where ms > ${flow.boundMs})::integer as late
    from (
      select extract(epoch from greatest(recorded_at - accepted_at, interval '0')) * 1000 as ms
      from ${sql.identifier(flow.table)}
    ) delays`;
  if (measured === undefined) throw new Error('An aggregate has one row.');
  return { flow: flow.name, ...measured, boundMs: flow.boundMs, overdue, alarm: overdue.length > 0 };
}

async function findOverdue(sql: Sql, { table, boundMs, accepted }: Flow): Promise<string[]> {
  const overdue: string[] = [];
  let orders: { readonly orderId: string; readonly updated: string }[] = [];
  const check = async () => {
    const rows = await sql<{ orderId: string }>`
      select source.order_id
      from unnest(${sql.array(
        orders.map(({ orderId }) => orderId),
        'uuid',
      )}, ${sql.array(
        orders.map(({ updated }) => updated),
        'timestamptz',
      )}) as source (order_id, updated)
      where source.updated < clock_timestamp() - ${boundMs} * interval '1 millisecond'
        and not exists (select from ${sql.identifier(table)} arrived where arrived.order_id = source.order_id)`;
    overdue.push(...rows.map(({ orderId }) => orderId));
    orders = [];
  };
  for await (const each of accepted) {
    orders.push(each);
    if (orders.length === 500) await check();
  }
  if (orders.length > 0) await check();
  return overdue;
}
