export { type ExpositionFormat, expositionContentTypes } from './exposition.ts';
export type { CounterSeries, GaugeSeries, HistogramSeries } from './instruments.ts';
export { createLogger, type LogFormat, type LoggerOptions, logFormats } from './logger.ts';
export type { MetricOptions } from './metric-names.ts';
export { createMetrics, defaultBuckets, type HistogramOptions, type Metrics } from './metrics.ts';
export { collectProcessMetrics } from './process-metrics.ts';
export { harmlessNames, isSecretName, secretWords } from './redaction.ts';
export type { Labelled } from './series.ts';
export {
  childTrace,
  createTrace,
  formatTraceparent,
  parseTraceparent,
  readTrace,
  traceByteLength,
  writeTrace,
} from './trace-context.ts';
