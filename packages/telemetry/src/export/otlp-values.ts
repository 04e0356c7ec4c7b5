import type { Attributes, AttributeValue } from '../spans/span.ts';

/** Longer texts are cut: a statement or a stack may be as long as it likes, a request may not. */
const maxText = 16 * 1024;

/** `{"key":…,"value":…}` of OTLP. Written by hand: the general way through objects takes three times as long. */
export function keyValue(name: string, value: AttributeValue): string {
  return `${keyOf(name)}${anyValue(value)}}`;
}

const maxKeys = 2_000;
const keys = new Map<string, string>();

/** Names are few, and quoting one takes longer than to look it up. */
function keyOf(name: string): string {
  let key = keys.get(name);
  if (key === undefined) {
    key = `{"key":${JSON.stringify(name)},"value":`;
    if (keys.size < maxKeys) keys.set(name, key);
  }
  return key;
}

export function anyValue(value: unknown): string {
  if (typeof value === 'string')
    return `{"stringValue":${JSON.stringify(value.length > maxText ? value.slice(0, maxText) : value)}}`;
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? `{"intValue":"${value}"}` : `{"doubleValue":${doubleOf(value)}}`;
  if (typeof value === 'boolean') return `{"boolValue":${value}}`;
  return complexValue(value);
}

function complexValue(value: unknown): string {
  if (Array.isArray(value)) return `{"arrayValue":{"values":[${value.map(anyValue).join(',')}]}}`;
  if (typeof value !== 'object' || value === null) return '{}';
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{"kvlistValue":{"values":[${entries.map(([name, each]) => `{"key":${JSON.stringify(name)},"value":${anyValue(each)}}`).join(',')}]}}`;
}

/** JSON has no words for these; proto3's are texts. */
function doubleOf(value: number): string {
  return Number.isFinite(value) ? String(value) : JSON.stringify(String(value));
}

const written = new WeakMap<Attributes, string>();

/** The list without its brackets. Remembered by the object: give one that is made once. */
export function keyValues(attributes: Attributes): string {
  let text = written.get(attributes);
  if (text === undefined) {
    text = listed(attributes);
    written.set(attributes, text);
  }
  return text;
}

/** As {@link keyValues}, for attributes that nobody will ask for again. */
export function listed(attributes: Attributes): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) parts.push(keyValue(name, value));
  }
  return parts.join(',');
}

let lastSecond = 0;
let lastSecondText = '0';

/** Microseconds as OTLP's nanoseconds, which do not fit into a double. In two parts: turning small integers into digits is much faster. */
export function nanos(us: number): string {
  const whole = Math.round(us);
  const second = Math.floor(whole / 1_000_000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastSecondText = String(second);
  }
  return `"${lastSecondText}${String(1_000_000 + (whole - second * 1_000_000)).slice(1)}000"`;
}

/** Groups by the resource, which is one object for each service. */
export function byResource<Item>(
  items: readonly Item[],
  resourceOf: (item: Item) => Attributes,
): ReadonlyMap<Attributes, readonly Item[]> {
  return Map.groupBy(items, resourceOf);
}
