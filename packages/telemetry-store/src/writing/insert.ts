import type { Sql } from '@banyan/core';
import type { Resource } from '../records.ts';
import type { TrafficRow } from '../traffic/traffic-sums.ts';
import { type LogPage, logPageForm, type SpanPage } from './page-rows.ts';

export interface BatchClaim {
  readonly writerId: string;
  /** Counts up. */
  readonly batch: number;
  readonly writtenAt: string;
}

/** False if that batch is written already. Waits for a transaction that is still writing it. */
export async function claimBatch(sql: Sql, { writerId, batch, writtenAt }: BatchClaim): Promise<boolean> {
  const claimed = await sql`
    insert into telemetry.writers as w (writer_id, batch, written_at) values (${writerId}, ${batch}, ${writtenAt})
    on conflict (writer_id) do update set batch = excluded.batch, written_at = excluded.written_at
      where w.batch < excluded.batch
    returning batch`;
  return claimed.length > 0;
}

/** Inserts a page and what it has of traces; both in one statement, so that a page costs one round trip. */
export async function insertSpanPage(sql: Sql, chunk: number, page: SpanPage): Promise<void> {
  const { fromUs, toUs, maxDurationUs, errors, terms, body, parts } = page;
  const column = <Value>(of: (part: SpanPage['parts'][number]) => Value, type: string) =>
    sql.array(parts.map(of), type);
  await sql`
    with page as (
      insert into telemetry.span_pages (chunk, page, from_us, to_us, max_duration_us, errors, terms, body)
      values (${chunk}, nextval('telemetry.page_ids'), ${fromUs}, ${toUs}, ${maxDurationUs}, ${errors}, ${terms}, ${body})
      returning page)
    insert into telemetry.trace_parts
      (chunk, trace_id, page, start_us, end_us, spans, errors, is_root, service, operation, services)
    select ${chunk}, t.*
    from (select u.trace_id, page.page, u.start_us, u.end_us, u.spans, u.errors, u.is_root, u.service, u.operation, u.services::jsonb
      from page, unnest(
      ${column(({ traceId }) => toUuid(traceId), 'uuid')}, ${column(({ startUs }) => startUs, 'int8')},
      ${column(({ endUs }) => endUs, 'int8')}, ${column(({ spans }) => spans, 'int4')},
      ${column((part) => part.errors, 'int4')}, ${column(({ isRoot }) => isRoot, 'bool')},
      ${column(({ service }) => service, 'text')}, ${column(({ operation }) => operation, 'text')},
      ${column(({ services }) => JSON.stringify(services), 'text')}
    ) as u(trace_id, start_us, end_us, spans, errors, is_root, service, operation, services)) t`;
}

export function toUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Resolves with the page's number. */
export async function insertLogPage(sql: Sql, chunk: number, page: LogPage): Promise<number> {
  const { fromUs, toUs, maxLevel, terms, body } = page;
  const [row] = await sql<{ page: number }>`
    insert into telemetry.log_pages (chunk, page, from_us, to_us, max_level, form, terms, body)
    values (${chunk}, nextval('telemetry.page_ids'), ${fromUs}, ${toUs}, ${maxLevel}, ${logPageForm}, ${terms}, ${body})
    returning page`;
  return row?.page ?? 0;
}

export async function insertTraffic(
  sql: Sql,
  chunk: number,
  { recent, history }: { readonly recent: readonly TrafficRow[]; readonly history: readonly TrafficRow[] },
): Promise<void> {
  if (recent.length > 0)
    await sql`
      insert into telemetry.traffic (chunk, bucket, kind, source, target, version, count, errors, marks)
      select ${chunk}, t.* from (${unnested(sql, recent)}) t`;
  if (history.length > 0)
    await sql`
      insert into telemetry.traffic_history (bucket, kind, source, target, version, count, errors, marks)
      ${unnested(sql, history)}`;
}

function unnested(sql: Sql, rows: readonly TrafficRow[]) {
  const column = <Value>(of: (row: TrafficRow) => Value, type: string) => sql.array(rows.map(of), type);
  return sql`
    select u.bucket, u.kind, u.source, u.target, u.version, u.count, u.errors, u.marks::jsonb from unnest(
      ${column(({ bucket }) => bucket, 'int8')}, ${column(({ kind }) => kind, 'text')},
      ${column(({ source }) => source, 'text')}, ${column(({ target }) => target, 'text')},
      ${column(({ version }) => version, 'text')}, ${column(({ count }) => count, 'int4')},
      ${column(({ errors }) => errors, 'int4')}, ${column(({ marks }) => JSON.stringify(marks), 'text')}
    ) as u(bucket, kind, source, target, version, count, errors, marks)`;
}

export interface Sender {
  readonly resource: Resource;
  readonly lastSeenUs: number;
}

export async function upsertSenders(sql: Sql, senders: readonly Sender[]): Promise<void> {
  for (const { resource, lastSeenUs } of senders) {
    const language = resource.attributes['telemetry.sdk.language'];
    await sql`
      insert into telemetry.senders as s (service, version, language, last_seen_us)
      values (${resource.service}, ${resource.version ?? null}, ${typeof language === 'string' ? language : null}, ${lastSeenUs})
      on conflict (service) do update set version = coalesce(excluded.version, s.version),
        language = coalesce(excluded.language, s.language), last_seen_us = greatest(s.last_seen_us, excluded.last_seen_us)`;
  }
}
