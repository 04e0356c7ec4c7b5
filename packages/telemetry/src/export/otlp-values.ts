import type { Attributes, AttributeValue } from '../spans/span.ts';

/** Longer texts are cut: a statement or a stack may be as long as it likes, a request may not. */
const maxText = 16 * 1024;

/** `{"key":…,"value":…}` of OTLP. Written by hand: the general way through objects takes three times as long. */
export function keyValue(name: string, value: AttributeValue): string {
  return `{"key":${JSON.stringify(name)},"value":${anyValue(value)}}`;
}

export function anyValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `{"stringValue":${JSON.stringify(value.length > maxText ? value.slice(0, maxText) : value)}}`;
    case 'number':
      return Number.isSafeInteger(value) ? `{"intValue":"${value}"}` : `{"doubleValue":${doubleOf(value)}}`;
    case 'boolean':
      return `{"boolValue":${value}}`;
    default:
      return complexValue(value);
  }
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

/** Microseconds as OTLP's nanoseconds, which do not fit into a double. */
export function nanos(us: number): string {
  return `"${Math.round(us)}000"`;
}

/** Groups by the resource, which is one object for each service. */
export function byResource<Item>(
  items: readonly Item[],
  resourceOf: (item: Item) => Attributes,
): ReadonlyMap<Attributes, readonly Item[]> {
  return Map.groupBy(items, resourceOf);
}
