export { type ExpositionFormat, expositionContentTypes } from './exposition.ts';
export type { CounterSeries, GaugeSeries, HistogramSeries } from './instruments.ts';
export { toLogFields } from './log-value.ts';
export { createLogger, type LogFormat, type LoggerOptions, type LogLine, logFormats } from './logger.ts';
export type { MetricOptions, MetricType } from './metric-names.ts';
export { createMetrics, defaultBuckets, type HistogramOptions, type Metrics } from './metrics.ts';
export type { OpenFamily, OpenFamilyOptions, OpenLabels } from './open-series.ts';
export { collectProcessMetrics } from './process-metrics.ts';
export { harmlessNames, isSecretName, redacted, secretWords } from './redaction.ts';
export { scrubText } from './scrub.ts';
export type { Labelled } from './series.ts';
export { type Activation, activeBelow, type Place, useActivation } from './spans/activation.ts';
export { causesOf } from './spans/exception.ts';
export { endRejected } from './spans/outcome.ts';
export { type SamplerName, samplerNames } from './spans/sampler.ts';
export {
  type Attributes,
  type AttributeValue,
  type Span,
  type SpanKind,
  type SpanType,
  spanKinds,
} from './spans/span.ts';
export type { Tracer } from './spans/tracer.ts';
export { createTelemetry, type Telemetry, type TelemetryOptions } from './telemetry.ts';
export { readTelemetrySettings, type TelemetrySettings, telemetryVariables } from './telemetry-settings.ts';
export {
  childTrace,
  createTrace,
  formatTraceparent,
  parseTraceparent,
  readTrace,
  traceByteLength,
  writeTrace,
} from './trace-context.ts';
