import { type Clock, type Logger, silentLogger, systemClock } from '@banyan/core';
import { createExportQueue, type ExportQueue } from './export/export-queue.ts';
import { createHttpSender, type HttpSender } from './export/http-sender.ts';
import { encodeLogs, type LogRecord } from './export/otlp-logs.ts';
import { encodeMetrics, type MetricReading } from './export/otlp-metrics.ts';
import { encodeTraces } from './export/otlp-traces.ts';
import { encodeZipkin } from './export/zipkin.ts';
import type { LogLine } from './logger.ts';
import { type Metrics, readFamilies } from './metrics.ts';
import { activation } from './spans/activation.ts';
import { describeError } from './spans/exception.ts';
import { createMicrosecondClock } from './spans/microseconds.ts';
import type { RecordedSpan, SpanSink } from './spans/recorded-span.ts';
import { createSampler } from './spans/sampler.ts';
import type { Attributes } from './spans/span.ts';
import { createTracer, type Tracer } from './spans/tracer.ts';
import type { TelemetrySettings } from './telemetry-settings.ts';

/** Who speaks. */
export interface TelemetryOptions {
  readonly settings: TelemetrySettings;
  readonly system: string;
  /** Tells instances of one service apart. */
  readonly instance: string;
  readonly zone?: string | undefined;
  readonly pid: number;
  /** Exported at intervals, with the figures of the export itself. */
  readonly metrics: Metrics;
  readonly clock?: Clock;
}

/** The telemetry of one process on its way out. Nothing that it does can slow or fail what it tells of. */
export interface Telemetry {
  /** Of one service of this process. Undefined if nobody would receive its spans, and no bridge asks for the active one: then none are made. */
  tracer(service: { readonly name: string; readonly version?: string }): Tracer | undefined;
  /** For `createLogger`: exports what it writes. */
  readonly onLine: (line: LogLine) => void;
  /** Hears of what cannot be delivered. */
  useLogger(logger: Logger): void;
  /** Tells by another name, which was found later, of what comes from now on; a tracer keeps the one that it was made with. */
  useInstance(instance: string): void;
  start(): void;
  /** Sends what is left, within a second. Idempotent; never rejects. */
  stop(): Promise<void>;
}

const stopWithinMs = 900;
const exportDelayMs = 500;

/** No I/O until something is exported. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  return new ProcessTelemetry(options);
}

class ProcessTelemetry implements Telemetry {
  readonly #options: TelemetryOptions;
  readonly #clock: Clock;
  readonly #nowUs: () => number;
  readonly #spans: ExportQueue<RecordedSpan>[] = [];
  readonly #logs: ExportQueue<LogRecord> | undefined;
  readonly #readings: ExportQueue<MetricReading> | undefined;
  readonly #senders: HttpSender[] = [];
  readonly #resources = new Map<string, Attributes>();
  readonly #startedMs: number;
  #instance: string;
  #logger: Logger = silentLogger;
  #cancelReading: (() => void) | undefined;
  #endMeasuring: (() => void) | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: TelemetryOptions) {
    this.#options = options;
    this.#instance = options.instance;
    this.#clock = options.clock ?? systemClock;
    this.#nowUs = createMicrosecondClock(this.#clock);
    this.#startedMs = this.#clock.nowMs();
    const { otlp, zipkinUrl } = options.settings;
    if (otlp !== undefined) {
      this.#spans.push(
        this.#queue('traces', `${otlp.endpoint}/v1/traces`, encodeTraces, {
          maxItems: 32_768,
          maxBatch: 1_024,
        }),
      );
      this.#logs = this.#queue('logs', `${otlp.endpoint}/v1/logs`, encodeLogs, {
        maxItems: 16_384,
        maxBatch: 1_024,
      });
      this.#readings = this.#queue(
        'metrics',
        `${otlp.endpoint}/v1/metrics`,
        ([reading]: readonly MetricReading[]) => (reading === undefined ? '{}' : encodeMetrics(reading)),
        { maxItems: 4, maxBatch: 1 },
      );
    }
    if (zipkinUrl !== undefined)
      this.#spans.push(this.#queue('zipkin', zipkinUrl, encodeZipkin, { maxItems: 32_768, maxBatch: 1_024 }));
  }

  readonly onLine = ({ atMs, level, message, fields, error }: LogLine): void => {
    if (this.#logs === undefined) return;
    const { service, traceId, spanId, ...rest } = fields;
    const name = typeof service === 'string' ? service : this.#options.system;
    this.#logs.add({
      ...{ atMs, level, message },
      fields: error === undefined ? rest : withException(rest, error),
      resource: this.#resourceOf(name),
      traceId: typeof traceId === 'string' ? traceId : undefined,
      spanId: typeof spanId === 'string' ? spanId : undefined,
    });
  };

  tracer(service: { readonly name: string; readonly version?: string }): Tracer | undefined {
    const isRecording = this.#spans.length > 0;
    if (!isRecording && activation === undefined) return undefined;
    const { sampler, ratio, slowMs } = this.#options.settings;
    const sink: SpanSink = {
      resource: this.#resourceOf(service.name, service.version),
      add:
        this.#spans.length === 1 && this.#spans[0] !== undefined
          ? addTo(this.#spans[0])
          : (span) => {
              for (const queue of this.#spans) queue.add(span);
            },
      nowUs: this.#nowUs,
    };
    return createTracer({
      service: service.name,
      metrics: this.#options.metrics,
      isRecording,
      sampler: createSampler(sampler, ratio),
      slowUs: slowMs * 1_000,
      sink,
    });
  }

  useLogger(logger: Logger): void {
    this.#logger = logger;
  }

  useInstance(instance: string): void {
    this.#instance = instance;
    this.#resources.clear();
  }

  start(): void {
    if (this.#stopped !== undefined) return;
    this.#endMeasuring ??= activation?.measure?.(this.#options.metrics);
    this.#readLater();
  }

  #readLater(): void {
    if (this.#readings === undefined || this.#stopped !== undefined) return;
    this.#cancelReading ??= this.#clock.setTimer(() => {
      this.#cancelReading = undefined;
      this.#read();
      this.#readLater();
    }, this.#options.settings.metricIntervalMs);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#cancelReading?.();
    this.#read();
    this.#endMeasuring?.();
    const queues = [...this.#spans, this.#logs, this.#readings].filter((queue) => queue !== undefined);
    await Promise.all(queues.map((queue) => queue.stop(stopWithinMs)));
    for (const sender of this.#senders) sender.close();
  }

  #read(): void {
    if (this.#readings === undefined) return;
    const { metrics, system } = this.#options;
    const families = readFamilies(metrics);
    const resource = this.#resourceOf(system);
    this.#readings.add({ resource, families, startedMs: this.#startedMs, atMs: this.#clock.nowMs() });
  }

  #queue<Item>(
    signal: string,
    url: string,
    encode: (items: readonly Item[]) => string,
    bounds: { readonly maxItems: number; readonly maxBatch: number },
  ): ExportQueue<Item> {
    const { headers = {}, gzip = true, timeoutMs = 10_000 } = this.#options.settings.otlp ?? {};
    const sender = createHttpSender({ url, headers: signal === 'zipkin' ? {} : headers, gzip, timeoutMs });
    this.#senders.push(sender);
    const { metrics } = this.#options;
    const logger = () => this.#logger;
    return createExportQueue({
      signal,
      sender,
      encode,
      ...bounds,
      delayMs: exportDelayMs,
      clock: this.#clock,
      metrics,
      logger,
    });
  }

  /** One object for each service: exporters group by it. */
  #resourceOf(name: string, version?: string): Attributes {
    const known = this.#resources.get(name);
    if (known !== undefined && (version === undefined || known['service.version'] === version)) return known;
    const { system, zone, pid, settings } = this.#options;
    const resource: Attributes = {
      'service.name': name,
      'service.version': version,
      'service.instance.id': `${name}-${this.#instance}`,
      'banyan.system': system,
      'banyan.zone': zone,
      'banyan.run.id': settings.runId,
      'process.pid': pid,
      'telemetry.sdk.name': 'banyan',
      'telemetry.sdk.language': 'nodejs',
    };
    this.#resources.set(name, resource);
    return resource;
  }
}

/** In the words that an exception of a span has, so that both are in one group. */
function withException(fields: Readonly<Record<string, unknown>>, error: Error): Record<string, unknown> {
  const { error: told, ...others } = fields;
  const { code, reason } = (told ?? {}) as Readonly<Record<string, unknown>>;
  const known = { 'banyan.error.code': code, 'error.type': reason };
  return { ...others, ...known, ...describeError(error).attributes };
}

function addTo(queue: ExportQueue<RecordedSpan>): (span: RecordedSpan) => void {
  return (span) => queue.add(span);
}
