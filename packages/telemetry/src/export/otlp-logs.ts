import type { LogLevel } from '@banyan/core';
import type { Attributes } from '../spans/span.ts';
import { anyValue, byResource, keyValues, nanos } from './otlp-values.ts';

/** One line of the logger. */
export interface LogRecord {
  readonly resource: Attributes;
  readonly atMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  /** Redacted and bounded, as the line has them. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const severities: Record<LogLevel, string> = {
  debug: '5,"severityText":"DEBUG"',
  info: '9,"severityText":"INFO"',
  warn: '13,"severityText":"WARN"',
  error: '17,"severityText":"ERROR"',
};

/** The body of `POST /v1/logs`. */
export function encodeLogs(records: readonly LogRecord[]): string {
  const parts: string[] = [];
  for (const [resource, own] of byResource(records, (record) => record.resource)) {
    const list = own.map(encodeRecord).join(',');
    parts.push(
      `{"resource":{"attributes":[${keyValues(resource)}]},"scopeLogs":[{"scope":{"name":"banyan"},"logRecords":[${list}]}]}`,
    );
  }
  return `{"resourceLogs":[${parts.join(',')}]}`;
}

function encodeRecord({ atMs, level, message, traceId, spanId, fields }: LogRecord): string {
  const at = nanos(atMs * 1_000);
  let text = `{"timeUnixNano":${at},"observedTimeUnixNano":${at},"severityNumber":${severities[level]}`;
  text += `,"body":${anyValue(message)},"attributes":[`;
  let separator = '';
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined || value === null) continue;
    text += `${separator}{"key":${JSON.stringify(name)},"value":${anyValue(value)}}`;
    separator = ',';
  }
  text += ']';
  if (traceId !== undefined) text += `,"traceId":"${traceId}"`;
  if (spanId !== undefined) text += `,"spanId":"${spanId}"`;
  return `${text}}`;
}
