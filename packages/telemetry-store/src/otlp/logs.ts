import type { LogLevel, LogRecord, Resource } from '../records.ts';
import { type Parsed, parseRequest, type Shape } from './parsed.ts';
import {
  anyValueOf,
  attributesOf,
  type Fields,
  microsOf,
  optionalId,
  spanIdOf,
  textOf,
  traceIdOf,
} from './values.ts';

/** Lines of an `ExportLogsServiceRequest`. @throws ServiceError `invalid_otlp` */
export function parseLogs(body: unknown, latestUs: number): Parsed<LogRecord> {
  return parseRequest(body, shape, latestUs);
}

const shape: Shape<LogRecord> = {
  groups: 'resourceLogs',
  scopes: 'scopeLogs',
  items: 'logRecords',
  readersOf: (line, resource) => [() => [parseLine(line, resource)]],
  latestOf: ({ atUs }) => atUs,
};

function parseLine(line: Fields, resource: Resource): LogRecord {
  const time = line['timeUnixNano'];
  const isTimed = time !== undefined && time !== 0 && time !== '0' && time !== '';
  const body = anyValueOf(line['body'], 0);
  return {
    resource,
    atUs: microsOf(isTimed ? time : line['observedTimeUnixNano'], 'timeUnixNano'),
    level: levelOf(line),
    message: typeof body === 'string' ? body : JSON.stringify(body),
    traceId: optionalId(line['traceId'], traceIdOf),
    spanId: optionalId(line['spanId'], spanIdOf),
    attributes: attributesOf(line['attributes']),
  };
}

/** Numbers of OpenTelemetry: 1–8 trace and debug, 9–12 info, 13–16 warn, from 17 on error and fatal. */
function levelOf(line: Fields): LogLevel {
  const number = line['severityNumber'];
  if (typeof number === 'number' && number > 0) {
    if (number <= 8) return 'debug';
    if (number <= 12) return 'info';
    return number <= 16 ? 'warn' : 'error';
  }
  const text = textOf(line['severityText']).toLowerCase();
  if (/^(?:err|fatal|crit|alert|emerg|panic)/.test(text)) return 'error';
  if (text.startsWith('warn')) return 'warn';
  return /^(?:debug|trace)/.test(text) ? 'debug' : 'info';
}
