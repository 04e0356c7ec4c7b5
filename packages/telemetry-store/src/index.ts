export type { Alert, AlertLevel } from './alerts/alerts.ts';
export type { News, Notice } from './alerts/notices.ts';
export type { ErrorAppearance } from './errors/error-appearance.ts';
export type { ErrorDetail, ErrorGroup, ErrorQuery, ErrorState } from './errors/error-groups.ts';
export type { ErrorRule, ErrorRuleState } from './errors/error-rules.ts';
export { telemetryStoreErrors } from './errors.ts';
export {
  type LogFilter,
  type LogLine,
  type LogLines,
  type LogQuery,
  logMatcher,
} from './logs/search-logs.ts';
export type { MetricName, MetricQuery, MetricSeries } from './metrics/read-metrics.ts';
export type { BurnRate, Objective } from './objectives/burn-rate.ts';
export type { ObjectiveState } from './objectives/objectives.ts';
export { decodeOtlp, encodeOtlpResponse, encodeOtlpStatus } from './otlp/protobuf.ts';
export { createTelemetryStore } from './postgres-telemetry-store.ts';
export type { LogLevel, MetricKind, SpanKind } from './records.ts';
export type { SystemRun } from './runs.ts';
export type {
  Receipt,
  StoredNews,
  StoreState,
  TelemetryStore,
  TelemetryStoreOptions,
} from './telemetry-store.ts';
export type { CallChain, Called, EntryKind } from './traces/call-depth.ts';
export type { ComparedRow } from './traces/compare.ts';
export type { DeepestChain, DeepestChains } from './traces/deepest-chains.ts';
export type { TracePage, TraceQuery } from './traces/search-traces.ts';
export { fromTime, type TraceSummary, toTime } from './traces/summary.ts';
export type { Trace, TraceSpan } from './traces/trace.ts';
export {
  type MapEdge,
  type MapService,
  type OperationTraffic,
  type ServiceMap,
  type Window,
  windowOf,
} from './traffic/service-map.ts';
export type { Series, SeriesList, SeriesQuery } from './traffic/traffic-series.ts';
export type { Signal, SignalCounts } from './writing/signal-queue.ts';
