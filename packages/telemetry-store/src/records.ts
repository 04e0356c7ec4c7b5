/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type Attributes = Readonly<Record<string, Json>>;

export const spanKinds = ['internal', 'server', 'client', 'producer', 'consumer'] as const;
export type SpanKind = (typeof spanKinds)[number];

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What sends telemetry. */
export interface Resource {
  readonly service: string;
  readonly version: string | undefined;
  readonly attributes: Attributes;
}

/** Times are microseconds since the Unix epoch. */
export interface SpanRecord {
  readonly resource: Resource;
  /** 32 hexadecimal digits, lower case. */
  readonly traceId: string;
  /** 16 of them. */
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startUs: number;
  readonly durationUs: number;
  readonly isError: boolean;
  readonly statusMessage: string | undefined;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

export interface SpanEvent {
  readonly name: string;
  readonly atUs: number;
  readonly attributes: Attributes;
}

export interface LogRecord {
  readonly resource: Resource;
  readonly atUs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly attributes: Attributes;
}

export const metricKinds = ['gauge', 'counter', 'histogram'] as const;
export type MetricKind = (typeof metricKinds)[number];

/** `counts` has one element more than `bounds`, which are upper and inclusive. */
export interface HistogramValue {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
}

/** One measurement of one series. */
export interface PointRecord {
  readonly resource: Resource;
  readonly name: string;
  readonly kind: MetricKind;
  readonly unit: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly atUs: number;
  /** Since when a cumulative value counts; 0 for a gauge, and for a value that counts since the one before (delta). */
  readonly startUs: number;
  readonly isDelta: boolean;
  /** Of a histogram: the sum. */
  readonly value: number;
  readonly histogram: HistogramValue | undefined;
}
