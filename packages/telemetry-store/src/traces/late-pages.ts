import type { Sql, SqlFragment } from '@banyan/core';

/** So few are read sooner than it is found out which of them matter. */
const fewPages = 200;

export interface LateStretch {
  /** Traces are looked for that began from then on, and by `beforeUs`. */
  readonly fromUs: number;
  readonly beforeUs: number;
  /** Spans of theirs in pages up to there count. */
  readonly scanUs: number;
  /** On the columns of a page: whether it is worth unpacking. */
  readonly condition: SqlFragment;
}

/**
 * The condition for a search that ends long before the newest: of the pages behind its end only those that have spans of a trace that began before.
 * There are few, since few traces last long; but all others would have to be read to see it.
 */
export async function lateCondition(
  sql: Sql,
  { fromUs, beforeUs, scanUs, condition }: LateStretch,
): Promise<{ readonly condition: SqlFragment }> {
  const [late] = await sql<{ pages: number }>`
    select count(*)::int4 as pages from (
      select from telemetry.span_pages
      where to_us > ${beforeUs} and to_us <= ${scanUs} and from_us > ${beforeUs} and ${condition} limit ${fewPages}) as first`;
  if ((late?.pages ?? 0) < fewPages) return { condition };
  // Each read once and matched in memory: the server does not know how few they have in common, and would look up each of them.
  const rows = await sql<{ page: number }>`
    with late as materialized (
      select trace_id, page from telemetry.trace_parts where start_us > ${beforeUs} and start_us <= ${scanUs}),
    early as materialized (select trace_id from telemetry.trace_parts where start_us >= ${fromUs} and start_us <= ${beforeUs})
    select distinct page from late where trace_id in (select trace_id from early)`;
  const pages = rows.map(({ page }) => page);
  return {
    condition: sql`${condition} and (from_us <= ${beforeUs} or page = any(${sql.array(pages, 'int8')}))`,
  };
}
