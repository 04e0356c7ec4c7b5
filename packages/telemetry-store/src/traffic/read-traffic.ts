import type { Sql } from '@banyan/core';
import { addMarks, type Marks } from './duration-marks.ts';
import type { TrafficKeeper } from './traffic-keeper.ts';
import { bucketSeconds, historySeconds, type TrafficKind, type TrafficRow } from './traffic-sums.ts';

export interface TrafficWindow {
  readonly fromUs: number;
  readonly toUs: number;
  readonly kinds: readonly TrafficKind[];
  readonly service?: string | undefined;
}

export interface TrafficTotal {
  count: number;
  errors: number;
  /** Seconds since the epoch at which the newest bucket with errors begins; 0 if there are none. */
  lastErrorBucket: number;
  readonly marks: Marks;
}

const longestRecentUs = 2 * 3_600_000_000;

/** Length of the buckets that a window is read in, in seconds. */
export function bucketOf({ fromUs, toUs }: Pick<TrafficWindow, 'fromUs' | 'toUs'>): number {
  return toUs - fromUs <= longestRecentUs ? bucketSeconds : historySeconds;
}

/** Rows of the buckets that begin in the window, those in memory included; several rows of one key add up. */
export async function readTraffic(
  sql: Sql,
  keeper: TrafficKeeper,
  window: TrafficWindow,
): Promise<readonly TrafficRow[]> {
  const seconds = bucketOf(window);
  const first = Math.floor(window.fromUs / 1e6 / seconds) * seconds;
  const last = Math.ceil(window.toUs / 1e6);
  const table = sql.identifier(seconds === bucketSeconds ? 'telemetry.traffic' : 'telemetry.traffic_history');
  const { kinds, service } = window;
  // First memory, then the table: what is being written meanwhile is rather missed for a moment than counted twice.
  const unwritten = keeper
    .unwritten(seconds)
    .filter(
      (row) =>
        row.bucket >= first &&
        row.bucket < last &&
        kinds.includes(row.kind) &&
        (service === undefined || row.source === service),
    );
  const written = await sql<TrafficRow>`
    select bucket, kind, source, target, version, count, errors, marks from ${table}
    where bucket >= ${first} and bucket < ${last} and kind = any(${sql.array(kinds, 'text')})
      ${service === undefined ? sql`` : sql`and source = ${service}`}`;
  return [...written, ...unwritten];
}

/** Sums of the rows by what `keyOf` says of them. */
export function totalsBy(
  rows: readonly TrafficRow[],
  keyOf: (row: TrafficRow) => string,
): ReadonlyMap<string, TrafficTotal> {
  const totals = new Map<string, TrafficTotal>();
  for (const row of rows) {
    const key = keyOf(row);
    let total = totals.get(key);
    if (total === undefined) {
      total = { count: 0, errors: 0, lastErrorBucket: 0, marks: {} };
      totals.set(key, total);
    }
    total.count += row.count;
    total.errors += row.errors;
    if (row.errors > 0) total.lastErrorBucket = Math.max(total.lastErrorBucket, row.bucket);
    addMarks(total.marks, row.marks);
  }
  return totals;
}
