import { storeError } from '../errors.ts';
import type { Attributes, Json, Resource } from '../records.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** Why one item is refused; the others of its request are taken. */
export class Refusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

const maxNameLength = 300;
const maxTextLength = 16_384;
const maxAttributes = 128;
const maxValueDepth = 6;
const maxElements = 256;

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A list of objects; absent counts as empty. @throws ServiceError `invalid_otlp` */
export function listOf(parent: Fields, name: string): readonly Fields[] {
  const value = parent[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every(isObject))
    throw storeError('invalid_otlp', {
      message: `The body is no OTLP request: ${name} must be a list of objects.`,
    });
  return value;
}

/** @throws Refusal */
export function itemsOf(parent: Fields, name: string): readonly Fields[] {
  const value = parent[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every(isObject)) throw new Refusal(`${name} must be a list of objects`);
  return value;
}

/** Fit for a column of PostgreSQL: no NUL, no half of a surrogate pair, not too long. */
export function nameOf(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new Refusal(`${what} must be a text`);
  return clip(clean(value), maxNameLength);
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? clip(clean(value), maxTextLength) : '';
}

function clean(text: string): string {
  const well = text.isWellFormed() ? text : text.toWellFormed();
  return well.includes('\0') ? well.replaceAll('\0', '') : well;
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`;
}

const traceIdPattern = /^[0-9a-f]{32}$/i;
const spanIdPattern = /^[0-9a-f]{16}$/i;
const zeros = /^0+$/;

export function traceIdOf(value: unknown): string {
  if (typeof value !== 'string' || !traceIdPattern.test(value) || zeros.test(value))
    throw new Refusal('traceId must be 32 hexadecimal digits, not all of them 0');
  return value.toLowerCase();
}

export function spanIdOf(value: unknown): string {
  if (typeof value !== 'string' || !spanIdPattern.test(value) || zeros.test(value))
    throw new Refusal('spanId must be 16 hexadecimal digits, not all of them 0');
  return value.toLowerCase();
}

/** An id that may be missing: absent, empty or zeros. */
export function optionalId<Id>(value: unknown, parse: (value: unknown) => Id): Id | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' && zeros.test(value)) return undefined;
  return parse(value);
}

// From 2000 to 2100: what lies outside is a wrong unit or a broken clock, and would hide what is true.
const minUs = 946_684_800_000_000;
const maxUs = 4_102_444_800_000_000;

/** Nanoseconds as OTLP writes them, a text of digits or a number. */
export function microsOf(value: unknown, what: string): number {
  const us = toMicros(value);
  if (us === undefined || us < minUs || us > maxUs)
    throw new Refusal(`${what} must be nanoseconds since 1970, between the years 2000 and 2100`);
  return us;
}

export function optionalMicros(value: unknown): number {
  const us = toMicros(value) ?? 0;
  return us < minUs || us > maxUs ? 0 : us;
}

function toMicros(value: unknown): number | undefined {
  if (typeof value === 'number')
    return Number.isFinite(value) && value >= 0 ? Math.floor(value / 1_000) : undefined;
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) return undefined;
  // Sixteen digits are exact, the nineteen of nanoseconds are not.
  return value.length <= 3 ? 0 : Number(value.slice(0, -3));
}

/** @throws Refusal if it is no list of keys and values */
export function attributesOf(value: unknown): Attributes {
  if (value === undefined || value === null) return {};
  if (!Array.isArray(value)) throw new Refusal('attributes must be a list');
  const attributes: Record<string, Json> = {};
  let count = 0;
  for (const entry of value) {
    if (!isObject(entry) || typeof entry['key'] !== 'string')
      throw new Refusal('an attribute must have a key');
    if (entry['key'] === '__proto__') continue;
    count += 1;
    if (count > maxAttributes) break;
    attributes[nameOf(entry['key'], 'key')] = anyValueOf(entry['value'], 0);
  }
  return attributes;
}

/** A value of OTLP as JSON; what is no such value becomes null. */
export function anyValueOf(value: unknown, depth: number): Json {
  if (!isObject(value) || depth > maxValueDepth) return null;
  if (value['stringValue'] !== undefined) return textOf(value['stringValue']);
  if (value['boolValue'] !== undefined) return value['boolValue'] === true;
  if (value['intValue'] !== undefined) return integerOf(value['intValue']);
  if (value['doubleValue'] !== undefined) return doubleOf(value['doubleValue']);
  if (value['bytesValue'] !== undefined) return textOf(value['bytesValue']);
  const list = value['arrayValue'];
  if (isObject(list) && Array.isArray(list['values']))
    return list['values'].slice(0, maxElements).map((each) => anyValueOf(each, depth + 1));
  const map = value['kvlistValue'];
  if (isObject(map) && Array.isArray(map['values'])) return mapOf(map['values'], depth);
  return null;
}

function mapOf(entries: readonly unknown[], depth: number): Json {
  const map: Record<string, Json> = {};
  for (const entry of entries.slice(0, maxElements)) {
    if (isObject(entry) && typeof entry['key'] === 'string' && entry['key'] !== '__proto__')
      map[textOf(entry['key'])] = anyValueOf(entry['value'], depth + 1);
  }
  return map;
}

/** Beyond what a number holds exactly it stays a text. */
function integerOf(value: unknown): Json {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string' || !/^-?\d{1,20}$/.test(value)) return null;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function doubleOf(value: unknown): Json {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return typeof value === 'string' ? textOf(value) : null;
}

/** The sender of `group`, whose name is `unknown_service` if it does not say one, as OpenTelemetry has it. */
export function resourceOf(group: Fields): Resource {
  const resource = isObject(group['resource']) ? group['resource'] : {};
  const attributes = attributesOf(resource['attributes']);
  const service = attributes['service.name'];
  const version = attributes['service.version'];
  return {
    service:
      typeof service === 'string' && service !== '' ? nameOf(service, 'service.name') : 'unknown_service',
    version: typeof version === 'string' && version !== '' ? nameOf(version, 'service.version') : undefined,
    attributes,
  };
}
