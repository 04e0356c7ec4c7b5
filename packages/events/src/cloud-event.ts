import { type Caller, ServiceError, type User, uuidv7 } from '@banyan/core';
import { isPlainEvent } from './event-check.ts';

/**
 * One event in the CloudEvents 1.0 JSON shape, with Banyan's extension attributes. `id` is unique in the system; `source` and `subject`
 * together name the order that the event belongs to.
 */
export interface CloudEvent<Data = unknown> {
  readonly specversion: '1.0';
  /** UUIDv7, lower case. */
  readonly id: string;
  /** `/services/orders`. */
  readonly source: string;
  /** `PaymentCaptured`. */
  readonly type: string;
  /** The key: events of one source with equal subjects are delivered in the order of their commits. */
  readonly subject: string;
  /** RFC 3339 UTC. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: Data;
  /** `payments.captured`: service and event name; on a message the addressee and the name of the message. */
  readonly banyanname: string;
  /** W3C trace context of the span that emitted it. */
  readonly traceparent?: string;
  /** The service whose call caused it. */
  readonly banyancaller?: string;
  /** The end user on whose behalf it happened, and that user's scopes separated by spaces. */
  readonly banyanuser?: string;
  readonly banyanscopes?: string;
  /** Id of the event whose handling caused this one. */
  readonly causationid?: string;
  /** Id of the first event of the chain. */
  readonly correlationid?: string;
  /** The service that a message is addressed to; absent on an event, which is addressed to nobody. */
  readonly banyanto?: string;
  /** The service that answers to this message are addressed to. */
  readonly banyanreplyto?: string;
  /** On an answer: id of the message that it answers. */
  readonly banyanrequest?: string;
  /** On a message that a saga of the sender has sent, and on what comes back: id of the saga. */
  readonly banyansaga?: string;
  /** Not worth handling after this time, RFC 3339 UTC. */
  readonly banyanexpires?: string;
  /** Where the data is kept if it is too large to travel along (claim check pattern, CloudEvents `dataref`); `data` is null then. */
  readonly dataref?: string;
}

export interface NewEvent<Data = unknown> {
  readonly service: string;
  /** Key in the contract's `events`, such as `captured`. */
  readonly name: string;
  /** CloudEvents type, such as `PaymentCaptured`. */
  readonly type: string;
  /** Value of the contract's key field. */
  readonly key: string;
  readonly data: Data;
  readonly occurredAtMs: number;
  readonly traceparent?: string | undefined;
  readonly caller?: Caller | undefined;
  /** The event being handled when this one was emitted. */
  readonly cause?: CloudEvent | undefined;
}

/** Largest encoded event in bytes: NATS and Kafka refuse 1 MiB by default, and headers and a gap must fit as well. */
export const maxEventBytes = 256 * 1024;

const maxTextLength = 512;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const sourcePattern = /^\/services\/([A-Za-z][A-Za-z0-9_-]{0,127})$/;
const servicePattern = /^[A-Za-z][A-Za-z0-9_-]{0,127}$/;
const namePattern = /^([A-Za-z][A-Za-z0-9_-]{0,127})\.([A-Za-z][A-Za-z0-9_-]{0,127})$/;
const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for; PostgreSQL and headers refuse them.
const controlCharacter = /[\u0000-\u001f\u007f]/;

/**
 * Builds an event with a new id.
 * @throws ServiceError `invalid_argument` `invalid_event` if the key, name or type cannot be carried
 */
export function createEvent<Data>(event: NewEvent<Data>): CloudEvent<Data> {
  const { service, cause, caller } = event;
  const user = caller?.user;
  const created: { -readonly [Name in keyof CloudEvent]: CloudEvent[Name] } = {
    specversion: '1.0',
    id: uuidv7(),
    source: `/services/${service}`,
    type: event.type,
    subject: event.key,
    time: new Date(event.occurredAtMs).toISOString(),
    datacontenttype: 'application/json',
    banyanname: `${service}.${event.name}`,
    data: event.data,
  };
  if (event.traceparent !== undefined) created.traceparent = event.traceparent;
  if (caller?.service !== undefined) created.banyancaller = caller.service;
  if (user !== undefined) created.banyanuser = user.id;
  if (user !== undefined && user.scopes.length > 0) created.banyanscopes = user.scopes.join(' ');
  if (cause !== undefined) {
    created.causationid = cause.id;
    created.correlationid = cause.correlationid ?? cause.id;
  }
  return (isPlainEvent(created) ? created : parseEvent(created)) as CloudEvent<Data>;
}

/**
 * An event from outside, checked; attributes that are not Banyan's are dropped, `data` passes as it is.
 * @throws ServiceError `invalid_argument` `invalid_event`, with the faulty attributes in `details`
 */
export function parseEvent(value: unknown): CloudEvent {
  if (typeof value !== 'object' || value === null) throw invalid(['the event is no object']);
  const event: UncheckedEvent = value;
  const faults: string[] = [];
  const wants = (name: string, isRight: boolean, expectation: string) => {
    if (!isRight) faults.push(`${name}: expected ${expectation}`);
  };
  const { specversion, id, source, type, subject, time, banyanname } = event;
  wants('specversion', specversion === '1.0', "'1.0'");
  wants('id', matches(id, uuid), 'a UUID in lower case');
  wants('source', matches(source, sourcePattern), "'/services/<name>'");
  wants('type', isText(type), `1 to ${maxTextLength} printable characters`);
  wants('subject', isText(subject), `1 to ${maxTextLength} printable characters`);
  wants('time', isTime(time), 'RFC 3339 in UTC');
  wants('datacontenttype', event.datacontenttype === 'application/json', "'application/json'");
  wants('data', event.data !== undefined, 'a JSON value');
  wants('banyanto', isAbsentOr(event.banyanto, servicePattern), 'the name of a service');
  wants('banyanreplyto', isAbsentOr(event.banyanreplyto, servicePattern), 'the name of a service');
  const owner = event.banyanto ?? serviceOf(source);
  wants('banyanname', isNameOf(banyanname, owner), "'<service>.<name>' of the source, or of the addressee");
  wants('traceparent', isAbsentOr(event.traceparent, traceparentPattern), 'W3C trace context');
  for (const name of ['banyancaller', 'banyanuser', 'banyanscopes'] as const) {
    const text = event[name];
    wants(name, text === undefined || isText(text, 4096), 'printable text');
  }
  wants('causationid', isAbsentOr(event.causationid, uuid), 'a UUID in lower case');
  wants('correlationid', isAbsentOr(event.correlationid, uuid), 'a UUID in lower case');
  wants('banyanrequest', isAbsentOr(event.banyanrequest, uuid), 'a UUID in lower case');
  wants('banyansaga', isAbsentOr(event.banyansaga, uuid), 'a UUID in lower case');
  wants('banyanexpires', event.banyanexpires === undefined || isTime(event.banyanexpires), 'RFC 3339 in UTC');
  wants('dataref', event.dataref === undefined || isText(event.dataref, 2048), 'printable text');
  if (faults.length > 0) throw invalid(faults);
  return pickAttributes(event);
}

type UncheckedEvent = { readonly [Name in keyof CloudEvent]?: unknown };

const requiredNames = ['specversion', 'id', 'source', 'type', 'subject', 'time', 'datacontenttype'] as const;
const optionalNames = [
  'traceparent',
  'banyancaller',
  'banyanuser',
  'banyanscopes',
  'causationid',
  'correlationid',
  'banyanto',
  'banyanreplyto',
  'banyanrequest',
  'banyansaga',
  'banyanexpires',
  'dataref',
] as const;

function pickAttributes(event: UncheckedEvent): CloudEvent {
  const picked: { -readonly [Name in keyof CloudEvent]?: unknown } = {};
  for (const name of requiredNames) picked[name] = event[name];
  picked.banyanname = event.banyanname;
  for (const name of optionalNames) {
    if (event[name] !== undefined) picked[name] = event[name];
  }
  picked.data = event.data;
  return picked as CloudEvent;
}

/**
 * The event as JSON text.
 * @throws ServiceError `invalid_argument` `invalid_event` if `data` is no JSON value, `event_too_large` beyond {@link maxEventBytes}
 */
export function encodeEvent(event: CloudEvent): string {
  let text: string;
  try {
    text = JSON.stringify(event);
  } catch (cause) {
    throw new ServiceError(`The data of event ${event.type} is no JSON value.`, {
      code: 'invalid_argument',
      reason: 'invalid_event',
      cause,
    });
  }
  // Three bytes a UTF-16 unit at most: most events need no exact count.
  if (text.length * 3 > maxEventBytes && Buffer.byteLength(text) > maxEventBytes) {
    throw new ServiceError(`Event ${event.type} is larger than ${maxEventBytes} bytes.`, {
      code: 'invalid_argument',
      reason: 'event_too_large',
    });
  }
  return text;
}

/**
 * The event in a text from outside, such as a record of a log that other programs write to as well. It may be larger than {@link maxEventBytes}, which bounds
 * what is written: put aside, it would lose its place among the events of its key.
 * @throws ServiceError `invalid_argument` `invalid_event`
 */
export function decodeEvent(text: string): CloudEvent {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ServiceError('The text is no JSON.', {
      code: 'invalid_argument',
      reason: 'invalid_event',
      details: ['the text is no JSON'],
      cause,
    });
  }
  return isPlainEvent(value) ? (value as CloudEvent) : parseEvent(value);
}

/** What a log files the event under: `payments.captured`; for a message `@stock.reserve`, which only the addressee reads. */
export function topicOf(event: CloudEvent): string {
  return event.banyanto === undefined ? event.banyanname : `@${event.banyanname}`;
}

/** Of the trace that the event is a part of. */
export function traceIdOfEvent({ traceparent }: CloudEvent): string | undefined {
  return traceparent?.slice('00-'.length, '00-'.length + 32);
}

/** The service that emitted the event. */
export function serviceOfEvent(event: CloudEvent): string {
  return event.source.slice('/services/'.length);
}

/** The end user on whose behalf the event happened, if there was one. */
export function userOfEvent(event: CloudEvent): User | undefined {
  if (event.banyanuser === undefined) return undefined;
  return { id: event.banyanuser, scopes: event.banyanscopes?.split(' ') ?? [] };
}

/** Events with equal ordering keys are delivered one after the other, in the order of their commits. */
export function orderingKeyOf(event: CloudEvent): string {
  return `${serviceOfEvent(event)}/${event.subject}`;
}

function invalid(faults: readonly string[]): ServiceError {
  return new ServiceError(`The event is not valid: ${faults.join('; ')}.`, {
    code: 'invalid_argument',
    reason: 'invalid_event',
    details: faults,
  });
}

function matches(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value);
}

function isAbsentOr(value: unknown, pattern: RegExp): boolean {
  return value === undefined || matches(value, pattern);
}

function isText(value: unknown, maxLength = maxTextLength): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= maxLength &&
    !controlCharacter.test(value) &&
    // A lone surrogate becomes U+FFFD in UTF-8, so that two different keys would become one.
    value.isWellFormed()
  );
}

function isTime(value: unknown): boolean {
  return matches(value, timePattern) && !Number.isNaN(Date.parse(value));
}

function serviceOf(source: unknown): string | undefined {
  return typeof source === 'string' ? sourcePattern.exec(source)?.[1] : undefined;
}

function isNameOf(name: unknown, owner: unknown): boolean {
  return typeof name === 'string' && owner !== undefined && namePattern.exec(name)?.[1] === owner;
}
