import type { Sql } from '@banyan/core';
import type { HistogramValue, MetricKind } from '../records.ts';
import type { Window } from '../traffic/service-map.ts';
import { type Series, type SeriesList, stepOf } from '../traffic/traffic-series.ts';

/** A metric that was received, and from whom. */
export interface MetricName {
  readonly name: string;
  readonly kind: MetricKind;
  readonly unit: string;
  readonly description: string;
  readonly services: readonly string[];
}

/** Which metric, and when. */
export interface MetricQuery extends Window {
  readonly name: string;
  readonly service?: string | undefined;
  readonly quantile?: number | undefined;
}

/** Values of a metric over time. */
export interface MetricSeries extends SeriesList {
  readonly name: string;
  readonly kind: MetricKind;
  readonly unit: string;
}

interface SeriesRow {
  readonly seriesId: number;
  readonly kind: MetricKind;
  readonly unit: string;
  readonly service: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface PointRow {
  readonly seriesId: number;
  readonly step: number;
  readonly startUs: number;
  readonly value: number;
  readonly histogram: HistogramValue | null;
}

const maxSeries = 200;

/** Every metric that was ever sent, by name. What a process says of one of its services has that in the label `service`. */
export function listMetrics(sql: Sql, service: string | undefined): Promise<readonly MetricName[]> {
  return sql<MetricName>`
    select name, min(kind) as kind, min(unit) as unit, min(description) as description,
      array_agg(distinct coalesce(labels->>'service', service)) as services
    from telemetry.series
    where ${service ?? null}::text is null or service = ${service ?? null} or labels->>'service' = ${service ?? null}
    group by name order by name`;
}

/** Undefined if no metric of that name was sent. */
export async function readMetric(sql: Sql, query: MetricQuery): Promise<MetricSeries | undefined> {
  const all = await sql<SeriesRow>`
    select series_id, kind, unit, service, labels from telemetry.series
    where name = ${query.name} and (${query.service ?? null}::text is null
      or service = ${query.service ?? null} or labels->>'service' = ${query.service ?? null})
    order by series_id desc limit ${maxSeries}`;
  const [first] = all;
  if (first === undefined) return undefined;
  const step = stepOf(query, 1);
  const fromUs = Math.floor(query.fromUs / 1e6 / step) * step * 1e6;
  const steps = Math.max(1, Math.ceil((query.toUs - fromUs) / 1e6 / step));
  const points = await readPoints(sql, all, { fromUs, toUs: query.toUs, step });
  const bySeries = Map.groupBy(points, ({ seriesId }) => seriesId);
  const series = all.flatMap(({ seriesId, kind, service, labels }): readonly Series[] => {
    const own = bySeries.get(seriesId);
    if (own === undefined) return [];
    const values: (number | null)[] = Array.from({ length: steps }, () => null);
    for (const { at, value } of valuesOf(kind, own, { step, quantile: query.quantile ?? 0.99 })) {
      if (at >= 0 && at < steps) values[at] = value;
    }
    return [{ labels: { service, ...labels }, values }];
  });
  const { kind, unit } = first;
  return {
    name: query.name,
    kind,
    unit,
    fromUs,
    toUs: fromUs + steps * step * 1e6,
    stepMs: step * 1_000,
    series,
  };
}

/** The last point of each step, and one step more before the first: a rate needs two points. */
async function readPoints(
  sql: Sql,
  series: readonly SeriesRow[],
  { fromUs, toUs, step }: Window & { readonly step: number },
): Promise<readonly PointRow[]> {
  const stepUs = step * 1e6;
  return sql<PointRow>`
    select distinct on (series_id, step) series_id, ((at_us - ${fromUs}::int8) / ${stepUs}::int8)::int as step,
      start_us, value, histogram
    from telemetry.points
    where series_id = any(${sql.array(
      series.map(({ seriesId }) => seriesId),
      'int4',
    )})
      and at_us >= ${fromUs - stepUs} and at_us < ${toUs}
    order by series_id, step, at_us desc`;
}

interface Reading {
  readonly step: number;
  readonly quantile: number;
}

function valuesOf(
  kind: MetricKind,
  points: readonly PointRow[],
  { step, quantile }: Reading,
): readonly { readonly at: number; readonly value: number | null }[] {
  if (kind === 'gauge') return points.map((point) => ({ at: point.step, value: point.value }));
  return points.map((point, index) => {
    const before = since(point, points[index - 1]);
    if (before === undefined) return { at: point.step, value: null };
    const seconds = before.steps * step;
    if (kind === 'counter') return { at: point.step, value: (point.value - before.value) / seconds };
    return { at: point.step, value: quantileOf(point.histogram, before.histogram, quantile) };
  });
}

interface Base {
  readonly value: number;
  readonly histogram: HistogramValue | null;
  readonly steps: number;
}

/** What a point counts on from; undefined if nobody knows, because it is the first. */
function since(point: PointRow, before: PointRow | undefined): Base | undefined {
  if (point.startUs === -1) return { value: 0, histogram: null, steps: 1 };
  if (before === undefined) return undefined;
  const steps = Math.max(1, point.step - before.step);
  // Another start, or less than before: the process was started anew, and counts from zero.
  const isNew = point.startUs !== before.startUs || totalOf(point) < totalOf(before);
  return isNew
    ? { value: 0, histogram: null, steps }
    : { value: before.value, histogram: before.histogram, steps };
}

function totalOf({ value, histogram }: PointRow): number {
  return histogram === null ? value : histogram.counts.reduce((sum, count) => sum + count, 0);
}

/** Within its bucket a value may lie anywhere; evenly spread is assumed, as Prometheus does. */
function quantileOf(now: HistogramValue | null, before: HistogramValue | null, share: number): number | null {
  if (now === null) return null;
  const counts = now.counts.map((count, index) => count - (before?.counts[index] ?? 0));
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return null;
  let rank = total * share;
  for (const [index, count] of counts.entries()) {
    const upper = now.bounds[index];
    const lower = now.bounds[index - 1] ?? 0;
    if (rank <= count)
      return upper === undefined ? lower : lower + (upper - lower) * (count === 0 ? 0 : rank / count);
    rank -= count;
  }
  return now.bounds.at(-1) ?? null;
}
