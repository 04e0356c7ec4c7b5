import type { Clock, Logger } from '@banyan/core';
import type { Alert } from './alerts/alerts.ts';
import type { Notice } from './alerts/notices.ts';
import type { ErrorDetail, ErrorGroup, ErrorQuery, ErrorState } from './errors/error-groups.ts';
import type { ErrorRule, ErrorRuleState } from './errors/error-rules.ts';
import type { LogLine, LogLines, LogQuery } from './logs/search-logs.ts';
import type { MetricName, MetricQuery, MetricSeries } from './metrics/read-metrics.ts';
import type { Objective } from './objectives/burn-rate.ts';
import type { ObjectiveState } from './objectives/objectives.ts';
import type { SystemRun } from './runs.ts';
import type { ComparedRow } from './traces/compare.ts';
import type { DeepestChains } from './traces/deepest-chains.ts';
import type { TracePage, TraceQuery } from './traces/search-traces.ts';
import type { TraceSummary } from './traces/summary.ts';
import type { Trace } from './traces/trace.ts';
import type { OperationTraffic, ServiceMap, Window } from './traffic/service-map.ts';
import type { SeriesList, SeriesQuery } from './traffic/traffic-series.ts';
import type { Signal, SignalCounts } from './writing/signal-queue.ts';

/** What {@link createTelemetryStore} needs, and how much it keeps. */
export interface TelemetryStoreOptions {
  /** A database that is the store's alone. */
  readonly url: string;
  /** What is kept at most, in bytes on the disk. Default 1 GiB. */
  readonly maxBytes?: number;
  /** How long it is kept at most. Default 7 days. */
  readonly maxAgeMs?: number;
  /** Items of each signal that may wait to be written; what does not fit is shed. Default 100,000. */
  readonly maxWaiting?: number;
  /** About how much memory they may take, for each signal. Default 64 MiB. */
  readonly maxWaitingBytes?: number;
  /** Names of those who are told of alerts and of errors that appear, such as `webhook`: what they are to be told is kept until it is. Default: nobody. */
  readonly alertChannels?: readonly string[];
  /** Who looks after errors of a service, by its name, until somebody else is said to. Default: nobody. */
  readonly errorOwners?: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What became of a request of OTLP. */
export interface Receipt {
  /** Items that wait to be written: the first ones, if there was no room for all. */
  readonly taken: number;
  /** Items that are no telemetry. */
  readonly refused: number;
  /** Items for which there was no room. */
  readonly shed: number;
  /** Why the first few were refused. */
  readonly reasons: readonly string[];
}

/** What was just stored, for whoever watches. */
export interface StoredNews {
  readonly lines: readonly LogLine[];
  readonly spans: number;
  readonly hasErrors: boolean;
}

/** How full the store is, and what it had to give up. */
export interface StoreState {
  readonly bytes: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** What was given up to keep the bounds, oldest first, since the start. */
  readonly droppedBytes: number;
  readonly keptSince?: string;
  readonly isWriting: boolean;
  readonly signals: Readonly<Record<Signal, SignalCounts>>;
}

/**
 * Telemetry in PostgreSQL. What is received waits in memory, is written in batches, and can be found within half a second; what cannot be written, because
 * the database is away or slow, is shed when the queue is full, and counted. Nobody who sends ever waits for the database.
 */
export interface TelemetryStore {
  /** Opens the database, and makes its tables. @throws what keeps it from opening */
  start(): Promise<void>;
  /** Writes what waits, and closes. Idempotent. */
  stop(): Promise<void>;
  /**
   * Takes an OTLP request in its JSON form, without waiting.
   * @throws ServiceError `invalid_argument` `invalid_otlp` if it is none; single items that are wrong are refused alone
   */
  receive(signal: Signal, request: unknown): Receipt;
  /** Resolves when what was received by now is written or shed. */
  flush(): Promise<void>;
  onStored(listener: (news: StoredNews) => void): () => void;
  searchTraces(query: TraceQuery): Promise<TracePage>;
  trace(traceId: string): Promise<Trace | undefined>;
  /** Undefined if one of them is not there. */
  compare(
    leftId: string,
    rightId: string,
  ): Promise<
    | { readonly left: TraceSummary; readonly right: TraceSummary; readonly rows: readonly ComparedRow[] }
    | undefined
  >;
  /** How deep calls wait for each other, by the operation that began them. */
  deepestChains(window: Window, signal?: AbortSignal): Promise<DeepestChains>;
  searchLogs(query: LogQuery): Promise<LogLines>;
  map(window: Window): Promise<ServiceMap>;
  operations(query: Window & { readonly service?: string | undefined }): Promise<readonly OperationTraffic[]>;
  trafficSeries(query: SeriesQuery): Promise<SeriesList>;
  metrics(service?: string): Promise<readonly MetricName[]>;
  metric(query: MetricQuery): Promise<MetricSeries | undefined>;
  errors(query: ErrorQuery): Promise<{ readonly groups: readonly ErrorGroup[]; readonly next?: string }>;
  error(groupId: string): Promise<ErrorDetail | undefined>;
  changeError(
    groupId: string,
    change: { readonly state?: ErrorState | undefined; readonly owner?: string | undefined },
  ): Promise<ErrorGroup | undefined>;
  runs(): Promise<readonly SystemRun[]>;
  beginRun(run: SystemRun): Promise<void>;
  endRun(runId: string): Promise<void>;
  objectives(): Promise<readonly ObjectiveState[]>;
  setObjective(objective: Objective): Promise<ObjectiveState>;
  /** False if there was none. */
  removeObjective(objectiveId: string): Promise<boolean>;
  errorRules(): Promise<readonly ErrorRuleState[]>;
  setErrorRule(rule: ErrorRule): Promise<ErrorRuleState>;
  /** False if there was none. */
  removeErrorRule(ruleId: string): Promise<boolean>;
  alerts(): Promise<readonly Alert[]>;
  /** Called when an alert begins, and again, with `endedAt`, when it ends. */
  onAlert(listener: (alert: Alert) => void): () => void;
  /**
   * What one of `alertChannels` is to be told next: alerts before errors, oldest first, the end of an alert after its begin, nothing that is a day old. Nobody
   * else gets it within a minute, also no other store on the same database.
   */
  claimNotice(channel: string): Promise<Notice | undefined>;
  noticeTold(noticeId: number): Promise<void>;
  /** It comes again after a back-off. */
  noticeFailed(notice: Notice): Promise<void>;
  /** Looks at every objective and every rule about errors now; by itself it does so every fifteen seconds. */
  lookForAlerts(): Promise<void>;
  state(): Promise<StoreState>;
}
