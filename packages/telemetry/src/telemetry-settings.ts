import { ServiceError } from '@banyan/core';
import { type SamplerName, samplerNames } from './spans/sampler.ts';

/** Where telemetry goes, and how much of it. */
export interface TelemetrySettings {
  readonly otlp:
    | {
        /** Without `/v1/traces`. */
        readonly endpoint: string;
        readonly headers: Readonly<Record<string, string>>;
        readonly gzip: boolean;
        readonly timeoutMs: number;
      }
    | undefined;
  readonly zipkinUrl: string | undefined;
  readonly sampler: SamplerName;
  readonly ratio: number;
  /** A part of a trace that takes longer is kept though it was not sampled. */
  readonly slowMs: number;
  readonly metricIntervalMs: number;
  readonly runId: string;
}

/** Names of the variables that `readTelemetrySettings` reads. */
export const telemetryVariables = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_EXPORTER_OTLP_COMPRESSION',
  'OTEL_EXPORTER_OTLP_TIMEOUT',
  'OTEL_EXPORTER_ZIPKIN_ENDPOINT',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
  'OTEL_METRIC_EXPORT_INTERVAL',
  'OTEL_SDK_DISABLED',
  'BANYAN_TRACE_SLOW_MS',
  'BANYAN_RUN_ID',
] as const;

export interface TelemetryDefaults {
  readonly development: boolean;
  /** If `BANYAN_RUN_ID` is not set. */
  readonly runId: string;
}

/** @throws ServiceError `failed_precondition` `invalid_configuration` */
export function readTelemetrySettings(
  source: Readonly<Record<string, string | undefined>>,
  { development, runId }: TelemetryDefaults,
): TelemetrySettings {
  const given = (name: (typeof telemetryVariables)[number]) => source[name]?.trim() || undefined;
  const isDisabled = given('OTEL_SDK_DISABLED')?.toLowerCase() === 'true';
  const endpoint = isDisabled
    ? undefined
    : urlOf('OTEL_EXPORTER_OTLP_ENDPOINT', given('OTEL_EXPORTER_OTLP_ENDPOINT'));
  const zipkinUrl = isDisabled
    ? undefined
    : urlOf('OTEL_EXPORTER_ZIPKIN_ENDPOINT', given('OTEL_EXPORTER_ZIPKIN_ENDPOINT'));
  return {
    otlp:
      endpoint === undefined
        ? undefined
        : {
            endpoint: endpoint.replace(/\/+$/, ''),
            headers: headersOf(given('OTEL_EXPORTER_OTLP_HEADERS') ?? ''),
            gzip: packs(given('OTEL_EXPORTER_OTLP_COMPRESSION'), endpoint),
            timeoutMs: numberOf('OTEL_EXPORTER_OTLP_TIMEOUT', given('OTEL_EXPORTER_OTLP_TIMEOUT'), 10_000),
          },
    zipkinUrl,
    sampler: samplerOf(given('OTEL_TRACES_SAMPLER'), development),
    ratio: ratioOf(given('OTEL_TRACES_SAMPLER_ARG'), development ? 1 : 0.1),
    slowMs: numberOf('BANYAN_TRACE_SLOW_MS', given('BANYAN_TRACE_SLOW_MS'), 1_000),
    metricIntervalMs: numberOf(
      'OTEL_METRIC_EXPORT_INTERVAL',
      given('OTEL_METRIC_EXPORT_INTERVAL'),
      development ? 2_000 : 60_000,
    ),
    runId: given('BANYAN_RUN_ID') ?? runId,
  };
}

function packs(compression: string | undefined, endpoint: string): boolean {
  if (compression === 'gzip') return true;
  if (compression === 'none') return false;
  if (compression !== undefined)
    throw invalid(`OTEL_EXPORTER_OTLP_COMPRESSION must be gzip or none, not '${compression}'.`);
  // To a receiver on this machine bytes cost less than packing them.
  return !['localhost', '127.0.0.1', '[::1]'].includes(new URL(endpoint).hostname);
}

function urlOf(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
  throw invalid(`${name} must be an http or https URL.`);
}

function samplerOf(value: string | undefined, development: boolean): SamplerName {
  if (value === undefined) return development ? 'parentbased_always_on' : 'parentbased_traceidratio';
  const name = samplerNames.find((each) => each === value);
  if (name !== undefined) return name;
  throw invalid(`OTEL_TRACES_SAMPLER must be one of ${samplerNames.join(', ')}, not '${value}'.`);
}

function ratioOf(value: string | undefined, fallback: number): number {
  const ratio = value === undefined ? fallback : Number(value);
  if (ratio >= 0 && ratio <= 1) return ratio;
  throw invalid(`OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not '${value}'.`);
}

function numberOf(name: string, value: string | undefined, fallback: number): number {
  const ms = value === undefined ? fallback : Number(value);
  if (Number.isFinite(ms) && ms >= 1) return ms;
  throw invalid(`${name} must be a number of milliseconds, not '${value}'.`);
}

/** `name=value,…` with percent-encoded values, as in the OpenTelemetry specification. Not quoted in an error: they hold keys. */
function headersOf(value: string): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const pair of value.split(',').filter((each) => each.trim() !== '')) {
    const at = pair.indexOf('=');
    if (at < 1) throw invalid('OTEL_EXPORTER_OTLP_HEADERS must be a list like name=value,name=value.');
    headers[pair.slice(0, at).trim().toLowerCase()] = decode(pair.slice(at + 1).trim());
  }
  return headers;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function invalid(message: string): ServiceError {
  return new ServiceError(message, { code: 'failed_precondition', reason: 'invalid_configuration' });
}
