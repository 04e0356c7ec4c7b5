import type { Sql } from '@banyan/core';
import { fromTime, toTime } from '../traces/summary.ts';
import { cyclesOf } from './cycles.ts';
import { quantileMs } from './duration-marks.ts';
import { readTraffic, type TrafficTotal, totalsBy } from './read-traffic.ts';
import type { TrafficKeeper } from './traffic-keeper.ts';
import { type TrafficKind, type TrafficRow, trafficKinds } from './traffic-sums.ts';

export interface Traffic {
  readonly count: number;
  readonly perSecond: number;
  readonly errorRate: number;
  readonly lastErrorAt?: string;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

/** Requests that one version of a service answered. */
export interface VersionTraffic extends Traffic {
  readonly version: string;
}

/** A service on the map. */
export interface MapService extends Traffic {
  readonly name: string;
  readonly kind: 'service' | 'database' | 'external';
  readonly version?: string;
  readonly language?: string;
  readonly lastSeenAt?: string;
  /** Each for itself, if more than one answered; the oldest number first. */
  readonly versions?: readonly VersionTraffic[];
}

/** Calls or events from one service to another, or statements to its database. */
export interface MapEdge extends Traffic {
  readonly from: string;
  readonly to: string;
  readonly kind: 'call' | 'event' | 'database';
  /** Of whoever answered, as with {@link MapService}. */
  readonly versions?: readonly VersionTraffic[];
}

/** Services and what flows between them, in a window of time. */
export interface ServiceMap {
  readonly from: string;
  readonly to: string;
  readonly services: readonly MapService[];
  readonly edges: readonly MapEdge[];
  readonly cycles: readonly (readonly string[])[];
}

/** Requests of one operation. */
export interface OperationTraffic extends Traffic {
  readonly service: string;
  readonly operation: string;
  readonly kind: string;
  readonly p95Ms?: number;
}

/** From when to when, in microseconds since 1970. */
export interface Window {
  readonly fromUs: number;
  readonly toUs: number;
}

interface SenderRow {
  readonly service: string;
  readonly version: string | null;
  readonly language: string | null;
  readonly lastSeenUs: number;
}

/** Services seen in the window, by name, and what went between them. */
export async function readMap(sql: Sql, keeper: TrafficKeeper, window: Window): Promise<ServiceMap> {
  const [rows, senders] = await Promise.all([
    readTraffic(sql, keeper, { ...window, kinds: trafficKinds }),
    sql<SenderRow>`select service, version, language, last_seen_us from telemetry.senders`,
  ]);
  const seconds = (window.toUs - window.fromUs) / 1e6;
  const isServed = (kind: TrafficKind) => kind === 'server' || kind === 'consumer';
  const servedRows = rows.filter(({ kind }) => isServed(kind));
  const served = totalsBy(servedRows, ({ source }) => source);
  const servedVersions = versionsBy(servedRows, { keyOf: ({ source }) => source, seconds });
  const betweenRows = rows.filter(({ kind }) => !isServed(kind));
  const keyOf = ({ source, target, kind }: TrafficRow) => `${kind}\n${source}\n${target}`;
  const betweenVersions = versionsBy(betweenRows, { keyOf, seconds });
  const edges = [...totalsBy(betweenRows, keyOf)].map(([key, total]) =>
    toEdge(key, { ...toTraffic(total, seconds), ...betweenVersions.get(key) }),
  );
  const services = new Map<string, MapService>();
  for (const { service, version, language, lastSeenUs } of senders) {
    if (lastSeenUs < window.fromUs) continue;
    services.set(service, {
      name: service,
      kind: 'service',
      ...toTraffic(served.get(service), seconds),
      ...servedVersions.get(service),
      ...(version === null ? undefined : { version }),
      ...(language === null ? undefined : { language }),
      lastSeenAt: toTime(lastSeenUs),
    });
  }
  for (const { key, edge } of edges) addEnds(services, edge, { kind: key, seconds, served });
  return {
    from: toTime(window.fromUs),
    to: toTime(window.toUs),
    services: [...services.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    edges: edges.map(({ edge }) => edge),
    cycles: cyclesOf(edges.filter(({ key }) => key === 'call').map(({ edge }) => edge)),
  };
}

interface Grouping {
  readonly keyOf: (row: TrafficRow) => string;
  readonly seconds: number;
}

/** By key the versions that answered, where there was more than one: during a roll-out one may fail where the other does not. */
function versionsBy(
  rows: readonly TrafficRow[],
  { keyOf, seconds }: Grouping,
): ReadonlyMap<string, { readonly versions: readonly VersionTraffic[] }> {
  const found = new Map<string, { readonly versions: readonly VersionTraffic[] }>();
  // What says no version was counted by its caller: it is none.
  const known = rows.filter(({ version }) => version !== '');
  for (const [key, of] of Map.groupBy(known, keyOf)) {
    const totals = totalsBy(of, ({ version }) => version);
    if (totals.size < 2) continue;
    const versions = [...totals].map(([version, total]) => ({ version, ...toTraffic(total, seconds) }));
    found.set(key, { versions: versions.sort(byVersion) });
  }
  return found;
}

const inOrder = new Intl.Collator('en', { numeric: true });

function byVersion(left: VersionTraffic, right: VersionTraffic): number {
  return inOrder.compare(left.version, right.version);
}

function toEdge(
  id: string,
  traffic: Omit<MapEdge, 'from' | 'to' | 'kind'>,
): { readonly key: TrafficKind; readonly edge: MapEdge } {
  const [key = '', from = '', to = ''] = id.split('\n');
  const kind = key === 'event' || key === 'database' ? key : 'call';
  return { key: key as TrafficKind, edge: { from, to, kind, ...traffic } };
}

interface Ends {
  readonly kind: TrafficKind;
  readonly seconds: number;
  readonly served: ReadonlyMap<string, TrafficTotal>;
}

/** Nodes that send nothing themselves are known by their edges. */
function addEnds(services: Map<string, MapService>, edge: MapEdge, { kind, seconds, served }: Ends): void {
  if (!services.has(edge.from))
    services.set(edge.from, {
      name: edge.from,
      kind: 'service',
      ...toTraffic(served.get(edge.from), seconds),
    });
  if (services.has(edge.to)) return;
  const { from: _from, to, kind: _kind, versions: _versions, ...traffic } = edge;
  const nodeKind = kind === 'database' ? 'database' : kind === 'external' ? 'external' : 'service';
  services.set(to, { name: to, kind: nodeKind, ...traffic });
}

export async function readOperations(
  sql: Sql,
  keeper: TrafficKeeper,
  window: Window & { readonly service?: string | undefined },
): Promise<readonly OperationTraffic[]> {
  const rows = await readTraffic(sql, keeper, { ...window, kinds: ['server', 'consumer'] });
  const seconds = (window.toUs - window.fromUs) / 1e6;
  const totals = totalsBy(rows, ({ source, target, kind }) => `${source}\n${target}\n${kind}`);
  return [...totals]
    .map(([key, total]) => {
      const [service = '', operation = '', kind = ''] = key.split('\n');
      const p95Ms = quantileMs(total.marks, 0.95);
      const traffic = toTraffic(total, seconds);
      return { service, operation, kind, ...traffic, ...(p95Ms === undefined ? undefined : { p95Ms }) };
    })
    .sort((a, b) => b.count - a.count);
}

export function toTraffic(total: TrafficTotal | undefined, seconds: number): Traffic {
  if (total === undefined || total.count === 0) return { count: 0, perSecond: 0, errorRate: 0 };
  const { count, errors, lastErrorBucket, marks } = total;
  const p50Ms = quantileMs(marks, 0.5);
  const p99Ms = quantileMs(marks, 0.99);
  return {
    count,
    perSecond: seconds > 0 ? count / seconds : 0,
    errorRate: errors / count,
    ...(errors === 0 ? undefined : { lastErrorAt: toTime(lastErrorBucket * 1e6) }),
    ...(p50Ms === undefined ? undefined : { p50Ms }),
    ...(p99Ms === undefined ? undefined : { p99Ms }),
  };
}

/** The window of an answer: the last hour, or what was asked for. */
export function windowOf(
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  nowMs: number,
): Window {
  const toUs = to === undefined ? nowMs * 1_000 : fromTime(to);
  return { fromUs: from === undefined ? toUs - 3_600_000_000 : fromTime(from), toUs };
}
