import type { Sql } from '@banyan/core';
import { toUuid } from '../writing/insert.ts';

/** A trace in one row. */
export interface TraceSummary {
  readonly traceId: string;
  readonly service: string;
  readonly operation: string;
  readonly startedAt: string;
  readonly startUs: number;
  readonly durationUs: number;
  readonly spans: number;
  readonly errors: number;
  readonly services: readonly { readonly name: string; readonly spans: number }[];
}

interface PartRow {
  readonly traceId: string;
  readonly startUs: number;
  readonly endUs: number;
  readonly spans: number;
  readonly errors: number;
  readonly isRoot: boolean;
  readonly service: string;
  readonly operation: string;
  readonly services: Readonly<Record<string, number>>;
}

/** Summaries of the traces that are there, by id. */
export async function readSummaries(
  sql: Sql,
  traceIds: readonly string[],
): Promise<ReadonlyMap<string, TraceSummary>> {
  const rows = await sql<PartRow>`
    select replace(trace_id::text, '-', '') as trace_id, start_us, end_us, spans, errors, is_root, service, operation, services
    from telemetry.trace_parts where trace_id = any(${sql.array(traceIds.map(toUuid), 'uuid')})`;
  const byTrace = Map.groupBy(rows, ({ traceId }) => traceId);
  return new Map([...byTrace].map(([traceId, parts]) => [traceId, toSummary(traceId, parts)]));
}

function toSummary(traceId: string, parts: readonly PartRow[]): TraceSummary {
  const startUs = Math.min(...parts.map((part) => part.startUs));
  const first = parts.reduce((a, b) => (isBefore(b, a) ? b : a));
  const services = new Map<string, number>();
  for (const part of parts)
    for (const [name, count] of Object.entries(part.services))
      services.set(name, (services.get(name) ?? 0) + count);
  return {
    traceId,
    service: first.service,
    operation: first.operation,
    startedAt: toTime(startUs),
    startUs,
    durationUs: Math.max(...parts.map(({ endUs }) => endUs)) - startUs,
    spans: parts.reduce((sum, { spans }) => sum + spans, 0),
    errors: parts.reduce((sum, { errors }) => sum + errors, 0),
    services: [...services]
      .map(([name, spans]) => ({ name, spans }))
      .sort((a, b) => b.spans - a.spans || (a.name < b.name ? -1 : 1)),
  };
}

/** Roots come first, then by time. */
function isBefore(a: PartRow, b: PartRow): boolean {
  return a.isRoot === b.isRoot ? a.startUs < b.startUs : a.isRoot;
}

/** RFC 3339 UTC with microseconds. */
export function toTime(us: number): string {
  const micros = String(us % 1_000).padStart(3, '0');
  return `${new Date(Math.floor(us / 1_000)).toISOString().slice(0, -1)}${micros}Z`;
}

/** Microseconds of an RFC 3339 time. */
export function fromTime(time: string): number {
  const fraction = /\.\d{3}(\d{1,3})/.exec(time)?.[1] ?? '';
  return Date.parse(time) * 1_000 + Number(fraction.padEnd(3, '0'));
}
