import type { Sql } from '@banyan/core';
import { quantileMs } from './duration-marks.ts';
import { bucketOf, readTraffic, type TrafficTotal, totalsBy } from './read-traffic.ts';
import type { Window } from './service-map.ts';
import type { TrafficKeeper } from './traffic-keeper.ts';
import type { TrafficRow } from './traffic-sums.ts';

export const trafficSeriesKinds = ['requests', 'errors', 'duration'] as const;

export interface SeriesQuery extends Window {
  readonly kind: (typeof trafficSeriesKinds)[number];
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  readonly version?: string | undefined;
  readonly quantile?: number | undefined;
  readonly by?: 'service' | 'operation' | 'version' | undefined;
}

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (number | null)[];
}

export interface SeriesList {
  readonly fromUs: number;
  readonly toUs: number;
  readonly stepMs: number;
  readonly series: readonly Series[];
}

const maxSteps = 240;

/** Step of a window: a multiple of `seconds` that makes at most so many of them. */
export function stepOf({ fromUs, toUs }: Window, seconds: number): number {
  const wanted = (toUs - fromUs) / 1e6 / maxSteps;
  return Math.max(1, Math.ceil(wanted / seconds)) * seconds;
}

/** Requests per second, share of errors, or a quantile of the duration in milliseconds, over time. */
export async function readTrafficSeries(
  sql: Sql,
  keeper: TrafficKeeper,
  query: SeriesQuery,
): Promise<SeriesList> {
  const { operation, version } = query;
  const all = await readTraffic(sql, keeper, { ...query, kinds: ['server', 'consumer'] });
  const rows = all.filter(
    (row) =>
      (operation === undefined || row.target === operation) &&
      (version === undefined || row.version === version),
  );
  const step = stepOf(query, bucketOf(query));
  const first = Math.floor(query.fromUs / 1e6 / step) * step;
  const steps = Math.max(1, Math.ceil((query.toUs / 1e6 - first) / step));
  const labelsOf = labelling(query);
  const byLabels = Map.groupBy(rows, (row) => JSON.stringify(labelsOf(row)));
  const series = [...byLabels].map(([labels, of]) => {
    const totals = totalsBy(of, ({ bucket }) => String(Math.floor((bucket - first) / step)));
    const values = Array.from({ length: steps }, (_, index) =>
      measureOf(totals.get(String(index)), query, step),
    );
    return { labels: JSON.parse(labels) as Readonly<Record<string, string>>, values };
  });
  return { fromUs: first * 1e6, toUs: (first + steps * step) * 1e6, stepMs: step * 1_000, series };
}

function labelling({ by, service }: SeriesQuery): (row: TrafficRow) => Readonly<Record<string, string>> {
  switch (by ?? (service === undefined ? 'service' : 'operation')) {
    case 'service':
      return ({ source }) => ({ service: source });
    case 'version':
      return ({ source, version }) => ({ service: source, version });
    case 'operation':
      return ({ source, target }) => ({ service: source, operation: target });
  }
}

function measureOf(
  total: TrafficTotal | undefined,
  { kind, quantile }: SeriesQuery,
  step: number,
): number | null {
  switch (kind) {
    case 'requests':
      return (total?.count ?? 0) / step;
    case 'errors':
      return total === undefined || total.count === 0 ? null : total.errors / total.count;
    case 'duration':
      return total === undefined ? null : (quantileMs(total.marks, quantile ?? 0.99) ?? null);
  }
}
