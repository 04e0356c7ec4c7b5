import { createHash } from 'node:crypto';
import type { Attributes, LogRecord, SpanEvent, SpanRecord } from '../records.ts';

/** An exception that was seen. */
export interface Sighting {
  readonly groupId: string;
  readonly service: string;
  readonly type: string;
  readonly message: string;
  readonly place: string;
  readonly stack: string;
  readonly atUs: number;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
}

/** Exceptions of a span: those that its events tell of. */
export function sightingsOfSpan(span: SpanRecord): readonly Sighting[] {
  return span.events
    .filter(isException)
    .map(({ attributes, atUs }) => toSighting(attributes, { ...span, service: span.resource.service, atUs }));
}

/** The exception that a line tells of, if any. */
export function sightingsOfLog(line: LogRecord): readonly Sighting[] {
  const { attributes } = line;
  if (!hasException(attributes)) return [];
  return [toSighting(attributes, { ...line, service: line.resource.service })];
}

/** The group that a span's event belongs to, if it tells of an exception. */
export function errorGroupOfEvent(event: SpanEvent, service: string): string | undefined {
  return isException(event) ? identify(event.attributes, service).groupId : undefined;
}

/** The same of a line. */
export function errorGroupOfLog({ attributes, resource: { service } }: LogRecord): string | undefined {
  return hasException(attributes) ? identify(attributes, service).groupId : undefined;
}

function isException({ name }: SpanEvent): boolean {
  return name === 'exception';
}

function hasException(attributes: Attributes): boolean {
  return attributes['exception.type'] !== undefined || attributes['exception.message'] !== undefined;
}

type About = Pick<Sighting, 'service' | 'atUs' | 'traceId' | 'spanId'>;

function toSighting(attributes: Attributes, { service, atUs, traceId, spanId }: About): Sighting {
  return { ...identify(attributes, service), service, atUs, traceId, spanId };
}

function identify(attributes: Attributes, service: string) {
  const text = (name: string) => {
    const value = attributes[name];
    return typeof value === 'string' ? value : '';
  };
  const type = text('exception.type') || 'Error';
  const message = text('exception.message');
  const stack = text('exception.stacktrace');
  const place = placeOf(attributes, stack);
  const said = text('banyan.error.group');
  // A caller sees its callee's error, too; whose it is counts.
  const cause = said !== '' ? said : `${type}\n${place === '' ? withoutValues(message) : place}`;
  const groupId = createHash('sha256').update(`${service}\n${cause}`).digest('hex').slice(0, 24);
  return { groupId, type, message, place, stack };
}

function placeOf(attributes: Attributes, stack: string): string {
  const file = attributes['code.file.path'];
  if (typeof file === 'string' && file !== '') {
    const name = attributes['code.function.name'];
    const line = attributes['code.line.number'];
    return `${typeof name === 'string' && name !== '' ? `${name} ` : ''}${file}${line === undefined ? '' : `:${line}`}`;
  }
  return topFrame(stack);
}

/** The first frame of own code: of Node, Java (`at …`) or Python (`File "…", line …`). */
function topFrame(stack: string): string {
  const lines = stack.split('\n').map((line) => line.trim());
  const frames = lines.filter((line) => line.startsWith('at ') || line.startsWith('File "'));
  const own = frames.find((line) => !/node_modules|node:|\(native|site-packages|java\.base/.test(line));
  return (own ?? frames[0] ?? '').slice(0, 300);
}

/** `order 42 is unknown` and `order 43 is unknown` are one. */
function withoutValues(message: string): string {
  return message
    .replace(/"[^"]*"|'[^']*'/g, '…')
    .replace(/\b[0-9a-f-]{8,}\b|\d+/gi, '…')
    .slice(0, 200);
}
