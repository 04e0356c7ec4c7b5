import type { TraceContext } from '@banyan/core';
import { type CounterSeries, createMetrics, type HistogramSeries, type Metrics } from '@banyan/telemetry';

/** How a request ended, for metrics. An answer that has begun and is not whole counts as none of its status. */
const statusClasses = ['1xx', '2xx', '3xx', '4xx', '5xx', 'cut_off'] as const;

/** What became of a request to a route whose answers are kept. */
export const cacheOutcomes = ['hit', 'stale', 'collapsed', 'miss', 'bypass', 'failed'] as const;
export type CacheOutcome = (typeof cacheOutcomes)[number];

/** One request that is over. */
export interface RequestRecord {
  /** Template of its route; empty if there is none. */
  readonly route: string;
  readonly method: string;
  /** What the client got; undefined if the answer was cut off. */
  readonly status: number | undefined;
  readonly ms: number;
  /** Of the answer. */
  readonly bytes: number;
  /** Its span, if it has one. */
  readonly trace: TraceContext | undefined;
}

/** What a gateway counts. Clients choose none of the labels freely, so that nobody can fill the page. */
export interface GatewayMetrics {
  ended(request: RequestRecord): void;
  /** Bytes that are no request of HTTP. */
  unreadable(): void;
  cached(route: string, outcome: CacheOutcome): void;
  /** Requests of the service went back to the version before. */
  wentBack(service: string): void;
  stop(): void;
}

export interface GatewayMetricsOptions {
  /** Default: counted for nobody. */
  readonly metrics: Metrics | undefined;
  /** Templates that there are. */
  readonly routeCount: number;
  /** Requests in progress. */
  readonly active: () => number;
}

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const otherMethod = 'other';
/** For files of the site, what has no route, and what the platform answers. */
const routesOfPlatform = 10;

interface Series {
  readonly duration: HistogramSeries;
  readonly bytes: CounterSeries;
}

export function createGatewayMetrics({
  metrics = createMetrics(),
  routeCount,
  active,
}: GatewayMetricsOptions): GatewayMetrics {
  // As many as there can be, so that none is lost among others.
  const maxSeries = (routeCount + routesOfPlatform) * (methods.size + 1) * statusClasses.length;
  const labels = ['route', 'method', 'status'];
  const durations = metrics.histogram({
    name: 'banyan_gateway_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer, by route, method and class of status.',
    labels,
    maxSeries,
  });
  const bytes = metrics.counter({
    name: 'banyan_gateway_response_bytes_total',
    help: 'Bytes of answers, by route, method and class of status.',
    labels,
    maxSeries,
  });
  const unreadable = metrics
    .counter({ name: 'banyan_gateway_unreadable_requests_total', help: 'Requests that were no HTTP.' })
    .labels();
  const cache = metrics.counter({
    name: 'banyan_gateway_cache_total',
    help: 'Requests to routes whose answers are kept, by route and what became of them.',
    labels: ['route', 'outcome'],
    maxSeries: (routeCount + 1) * cacheOutcomes.length,
  });
  const returns = metrics.counter({
    name: 'banyan_gateway_version_returns_total',
    help: 'Times that requests went back from a version that broke the promise of its watch, by service.',
    labels: ['service'],
  });
  const inProgress = metrics
    .gauge({ name: 'banyan_gateway_active_requests', help: 'Requests in progress, WebSockets included.' })
    .labels();
  const stop = metrics.onCollect(() => inProgress.set(active()));
  // Keeping the series makes recording free of allocations.
  const known = new Map<string, Map<string, Series[]>>();
  const seriesOf = (route: string, method: string, status: number): Series => {
    const ofMethod = entryOf(entryOf(known, route, newMap), method, newList);
    let series = ofMethod[status];
    if (series === undefined) {
      const values = [route === '' ? '(none)' : route, method, statusClasses[status] ?? ''];
      series = { duration: durations.labels(...values), bytes: bytes.labels(...values) };
      ofMethod[status] = series;
    }
    return series;
  };
  return {
    ended({ route, method, status, ms, bytes: sent, trace }) {
      const series = seriesOf(route, methods.has(method) ? method : otherMethod, classOf(status));
      series.duration.observe(ms / 1_000, trace);
      series.bytes.inc(sent);
    },
    unreadable: () => unreadable.inc(),
    cached: (route, outcome) => cache.labels(route, outcome).inc(),
    wentBack: (service) => returns.labels(service).inc(),
    stop() {
      stop();
      inProgress.set(0);
    },
  };
}

const newMap = (): Map<string, Series[]> => new Map();
const newList = (): Series[] => [];

function entryOf<Value>(map: Map<string, Value>, key: string, create: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}

/** Its place among the classes. */
function classOf(status: number | undefined): number {
  return status === undefined ? statusClasses.indexOf('cut_off') : Math.floor(status / 100) - 1;
}
