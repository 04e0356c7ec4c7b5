import type { Sql } from '@banyan/core';
import { createDatabase, migrate, type PostgresDatabase } from '@banyan/postgres';
import { type Alert, Alerts } from './alerts/alerts.ts';
import { type Notice, Notices } from './alerts/notices.ts';
import {
  changeErrorGroup,
  type ErrorDetail,
  type ErrorQuery,
  listErrorGroups,
  readErrorGroup,
} from './errors/error-groups.ts';
import { type ErrorRule, type ErrorRuleState, ErrorRules } from './errors/error-rules.ts';
import { type LogLines, type LogQuery, searchLogs, toLine } from './logs/search-logs.ts';
import { SeriesIds } from './metrics/insert-points.ts';
import {
  listMetrics,
  type MetricName,
  type MetricQuery,
  type MetricSeries,
  readMetric,
} from './metrics/read-metrics.ts';
import type { Objective } from './objectives/burn-rate.ts';
import { type ObjectiveState, Objectives } from './objectives/objectives.ts';
import { parseLogs } from './otlp/logs.ts';
import { parseMetrics } from './otlp/metrics.ts';
import type { Parsed } from './otlp/parsed.ts';
import { parseTraces } from './otlp/traces.ts';
import { beginRun, endRun, listRuns, type SystemRun } from './runs.ts';
import type {
  Receipt,
  StoredNews,
  StoreState,
  TelemetryStore,
  TelemetryStoreOptions,
} from './telemetry-store.ts';
import { compareTraces } from './traces/compare.ts';
import { type DeepestChains, readDeepestChains } from './traces/deepest-chains.ts';
import { searchTraces, type TracePage, type TraceQuery } from './traces/search-traces.ts';
import type { TraceSummary } from './traces/summary.ts';
import { readTrace, type Trace } from './traces/trace.ts';
import {
  type OperationTraffic,
  readMap,
  readOperations,
  type ServiceMap,
  type Window,
} from './traffic/service-map.ts';
import { TrafficKeeper } from './traffic/traffic-keeper.ts';
import { readTrafficSeries, type SeriesList, type SeriesQuery } from './traffic/traffic-series.ts';
import { Chunks } from './writing/chunks.ts';
import type { Signal, SignalQueue } from './writing/signal-queue.ts';
import { Writer } from './writing/writer.ts';

/** No I/O until `start`. */
export function createTelemetryStore(options: TelemetryStoreOptions): TelemetryStore {
  return new PostgresTelemetryStore(options);
}

const migrations = new URL('../migrations/', import.meta.url);
const defaults = {
  maxBytes: 1024 ** 3,
  maxAgeMs: 7 * 86_400_000,
  maxWaiting: 100_000,
  maxWaitingBytes: 64 * 1024 ** 2,
  alertChannels: [],
  errorOwners: {},
};
const keepEveryMs = 10_000;
const watchEveryMs = 15_000;
/** Clocks differ; what lies further ahead is a wrong one, and would stand above what is true until then. */
const maxAheadMs = 86_400_000;

class PostgresTelemetryStore implements TelemetryStore {
  readonly #options: Required<TelemetryStoreOptions>;
  readonly #database: PostgresDatabase;
  readonly #chunks: Chunks;
  readonly #traffic: TrafficKeeper;
  readonly #writer: Writer;
  readonly #listeners = new Set<(news: StoredNews) => void>();
  readonly #alertListeners = new Set<(alert: Alert) => void>();
  readonly #alerts: Alerts;
  readonly #objectives: Objectives;
  readonly #errorRules: ErrorRules;
  readonly #notices: Notices;
  #cancelWatch = () => {};
  #cancelKeep = () => {};
  #keeping: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(given: TelemetryStoreOptions) {
    const options = { ...defaults, ...given };
    const { url, clock, logger, maxWaiting, maxWaitingBytes } = options;
    this.#options = options;
    this.#database = createDatabase({ url, logger, maxConnections: 6, applicationName: 'banyan-telemetry' });
    const database = this.#database;
    const series = new SeriesIds(database);
    this.#chunks = new Chunks({ ...options, database, onDropped: () => series.pointsDropped() });
    this.#traffic = new TrafficKeeper(clock);
    const { sql } = database;
    this.#alerts = new Alerts({
      sql,
      channels: options.alertChannels,
      clock,
      onAlert: (alert) => this.#tell(this.#alertListeners, alert),
    });
    this.#objectives = new Objectives({ sql, traffic: this.#traffic, alerts: this.#alerts, clock });
    this.#errorRules = new ErrorRules({ sql, alerts: this.#alerts, clock });
    this.#notices = new Notices({ sql, clock, logger });
    this.#writer = new Writer({
      database,
      chunks: this.#chunks,
      traffic: this.#traffic,
      series,
      maxWaiting,
      maxWaitingBytes,
      channels: options.alertChannels,
      owners: options.errorOwners,
      clock,
      logger,
      onStored: ({ spans, lines, hasErrors }) => {
        if (this.#listeners.size === 0) return;
        const news = { spans: spans.length, lines: lines.map(toLine), hasErrors };
        this.#tell(this.#listeners, news);
      },
    });
  }

  get #sql(): Sql {
    return this.#database.sql;
  }

  async start(): Promise<void> {
    await migrate(this.#database, migrations, { scope: 'telemetry', clock: this.#options.clock });
    await this.#keep();
    this.#scheduleWatch();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#cancelKeep();
    this.#cancelWatch();
    await this.#keeping;
    this.#traffic.finish();
    await this.#writer.stop();
    await this.#database.close();
  }

  receive(signal: Signal, request: unknown): Receipt {
    const latestUs = (this.#options.clock.nowMs() + maxAheadMs) * 1_000;
    switch (signal) {
      case 'spans': {
        const parsed = parseTraces(request, latestUs);
        const receipt = this.#take(this.#writer.spans, parsed);
        // Others may be sent again.
        this.#traffic.see(parsed.items.slice(0, receipt.taken));
        return receipt;
      }
      case 'logs':
        return this.#take(this.#writer.logs, parseLogs(request, latestUs));
      case 'metrics':
        return this.#take(this.#writer.metrics, parseMetrics(request, latestUs));
    }
  }

  #take<Item>(queue: SignalQueue<Item>, { items, refused, reasons }: Parsed<Item>): Receipt {
    const taken = queue.push(items);
    queue.refuse(refused);
    this.#writer.arrived();
    return { taken, refused, shed: items.length - taken, reasons };
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** One that throws keeps nothing from the others, nor from the store. */
  #tell<News>(listeners: ReadonlySet<(news: News) => void>, news: News): void {
    for (const listener of listeners) {
      try {
        listener(news);
      } catch (error) {
        this.#options.logger.error('a listener of the telemetry store failed', { error });
      }
    }
  }

  onStored(listener: (news: StoredNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  searchTraces(query: TraceQuery): Promise<TracePage> {
    return searchTraces(this.#sql, query);
  }

  deepestChains(window: Window, signal?: AbortSignal): Promise<DeepestChains> {
    return readDeepestChains(this.#sql, window, signal);
  }

  trace(traceId: string): Promise<Trace | undefined> {
    return readTrace(this.#sql, traceId);
  }

  async compare(leftId: string, rightId: string) {
    const [left, right] = await Promise.all([this.trace(leftId), this.trace(rightId)]);
    if (left === undefined || right === undefined) return undefined;
    const summary = (trace: Trace): TraceSummary => ({ ...trace, spans: trace.spans.length });
    return { left: summary(left), right: summary(right), rows: compareTraces(left, right) };
  }

  searchLogs(query: LogQuery): Promise<LogLines> {
    return searchLogs(this.#sql, query);
  }

  map(window: Window): Promise<ServiceMap> {
    return readMap(this.#sql, this.#traffic, window);
  }

  operations(
    query: Window & { readonly service?: string | undefined },
  ): Promise<readonly OperationTraffic[]> {
    return readOperations(this.#sql, this.#traffic, query);
  }

  trafficSeries(query: SeriesQuery): Promise<SeriesList> {
    return readTrafficSeries(this.#sql, this.#traffic, query);
  }

  metrics(service?: string): Promise<readonly MetricName[]> {
    return listMetrics(this.#sql, service);
  }

  metric(query: MetricQuery): Promise<MetricSeries | undefined> {
    return readMetric(this.#sql, query);
  }

  errors(query: ErrorQuery) {
    return listErrorGroups(this.#sql, query);
  }

  error(groupId: string): Promise<ErrorDetail | undefined> {
    return readErrorGroup(this.#sql, groupId);
  }

  changeError(groupId: string, change: Parameters<TelemetryStore['changeError']>[1]) {
    return changeErrorGroup(this.#sql, groupId, change);
  }

  runs(): Promise<readonly SystemRun[]> {
    return listRuns(this.#sql);
  }

  beginRun(run: SystemRun): Promise<void> {
    return beginRun(this.#sql, run);
  }

  endRun(runId: string): Promise<void> {
    return endRun(this.#sql, runId, new Date(this.#options.clock.nowMs()).toISOString());
  }

  objectives(): Promise<readonly ObjectiveState[]> {
    return this.#objectives.list();
  }

  setObjective(objective: Objective): Promise<ObjectiveState> {
    return this.#objectives.set(objective);
  }

  removeObjective(objectiveId: string): Promise<boolean> {
    return this.#objectives.remove(objectiveId);
  }

  errorRules(): Promise<readonly ErrorRuleState[]> {
    return this.#errorRules.list();
  }

  setErrorRule(rule: ErrorRule): Promise<ErrorRuleState> {
    return this.#errorRules.set(rule);
  }

  removeErrorRule(ruleId: string): Promise<boolean> {
    return this.#errorRules.remove(ruleId);
  }

  alerts(): Promise<readonly Alert[]> {
    return this.#alerts.list();
  }

  onAlert(listener: (alert: Alert) => void): () => void {
    this.#alertListeners.add(listener);
    return () => this.#alertListeners.delete(listener);
  }

  claimNotice(channel: string): Promise<Notice | undefined> {
    return this.#notices.claim(channel);
  }

  noticeTold(noticeId: number): Promise<void> {
    return this.#notices.told(noticeId);
  }

  noticeFailed(notice: Notice): Promise<void> {
    return this.#notices.failed(notice);
  }

  async lookForAlerts(): Promise<void> {
    await this.#objectives.watch();
    await this.#errorRules.watch();
  }

  #scheduleWatch(): void {
    const watch = async () => {
      try {
        await this.lookForAlerts();
      } catch (error) {
        this.#options.logger.warn('it cannot be seen what to alert on; trying on', { error });
      }
      if (this.#stopped === undefined) this.#scheduleWatch();
    };
    this.#cancelWatch = this.#options.clock.setTimer(() => {
      this.#keeping = Promise.all([this.#keeping, watch()]).then(() => undefined);
    }, watchEveryMs);
  }

  async state(): Promise<StoreState> {
    const { maxBytes, maxAgeMs } = this.#options;
    const { spans, logs, metrics } = this.#writer;
    const keptSince = await this.#chunks.keptSince();
    return {
      bytes: this.#chunks.bytes,
      droppedBytes: this.#chunks.droppedBytes,
      maxBytes,
      maxAgeMs,
      ...(keptSince === undefined ? undefined : { keptSince }),
      isWriting: this.#writer.isWriting,
      signals: { spans: spans.counts(), logs: logs.counts(), metrics: metrics.counts() },
    };
  }

  async #keep(): Promise<void> {
    try {
      await this.#chunks.current();
      await this.#chunks.keep();
    } catch (error) {
      this.#options.logger.warn('the bounds of the telemetry store could not be kept; trying on', { error });
    }
    if (this.#stopped !== undefined) return;
    this.#cancelKeep = this.#options.clock.setTimer(() => {
      this.#keeping = this.#keep();
    }, keepEveryMs);
  }
}
