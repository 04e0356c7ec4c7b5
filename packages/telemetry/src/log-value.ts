import { isSecretName, redacted } from './redaction.ts';
import { scrubText } from './scrub.ts';

const maxDepth = 8;
const maxEntries = 100;
const maxKeyLength = 200;
const maxTextLength = 8 * 1024;
/** All texts of one value together, so that a line stays in the tens of kilobytes whatever is logged. */
const maxCharacters = 32 * 1024;
const maxValues = 2_000;

/** What one call may still write, and the objects that it is inside of. */
interface Budget {
  characters: number;
  values: number;
  readonly ancestors: object[];
}

/**
 * A copy of `fields` that is certain to become JSON: secrets redacted by name, errors with stack and causes, depth and size bounded, cycles, BigInts
 * and throwing getters named in brackets. Never throws.
 */
export function toLogFields(fields: object): Record<string, unknown> {
  const budget: Budget = { characters: maxCharacters, values: maxValues, ancestors: [] };
  try {
    const source = fields instanceof Error ? { error: fields } : fields;
    return toRecord(source, budget, 0);
  } catch {
    return recordOf([['fields', '[unreadable]']]);
  }
}

function toLogValue(value: unknown, budget: Budget, depth: number): unknown {
  budget.values -= 1;
  switch (typeof value) {
    case 'string':
      return toText(value, budget);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
      // Turning a huge one into digits takes quadratic time.
      return value > -(2n ** 256n) && value < 2n ** 256n ? value.toString() : '[huge bigint]';
    case 'symbol':
      return toText(String(value), budget);
    case 'function':
      return '[function]';
    case 'object':
      return value === null ? null : guarded(value, budget, depth);
    case 'undefined':
      return undefined;
  }
}

function toText(text: string, budget: Budget): string {
  const allowed = Math.max(0, Math.min(maxTextLength, budget.characters));
  budget.characters -= Math.min(text.length, allowed);
  // Cut first: looking through a text takes time in proportion to its length.
  return text.length <= allowed
    ? scrubText(text)
    : `${scrubText(text.slice(0, allowed))}… [${text.length} characters]`;
}

/** Objects may be proxies or hold getters: anything about them can throw, and only that part of the line is lost. */
function guarded(value: object, budget: Budget, depth: number): unknown {
  if (budget.ancestors.includes(value)) return '[circular]';
  if (depth >= maxDepth) return '[too deep]';
  if (budget.values <= 0 || budget.characters <= 0) return '[too large]';
  budget.ancestors.push(value);
  try {
    return toStructure(value, budget, depth);
  } catch {
    return '[unreadable]';
  } finally {
    budget.ancestors.pop();
  }
}

function toStructure(value: object, budget: Budget, depth: number): unknown {
  if (Array.isArray(value)) return toList(value, value.length, budget, depth);
  if (value instanceof Error) return toErrorRecord(value, budget, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[invalid date]' : value.toISOString();
  if (value instanceof URL) return toText(withoutPassword(value), budget);
  if (value instanceof RegExp) return toText(String(value), budget);
  if (value instanceof Map) return toMapRecord(value, budget, depth);
  if (value instanceof Set) return toList(value, value.size, budget, depth);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return toLogValue(toJSON.call(value, ''), budget, depth + 1);
  return toRecord(value, budget, depth);
}

function toList(values: Iterable<unknown>, length: number, budget: Budget, depth: number): unknown[] {
  const list: unknown[] = [];
  for (const value of values) {
    if (list.length === maxEntries || budget.values <= 0) {
      list.push(`[${length - list.length} more]`);
      break;
    }
    list.push(toLogValue(value, budget, depth + 1) ?? null);
  }
  return list;
}

function toMapRecord(map: ReadonlyMap<unknown, unknown>, budget: Budget, depth: number): object {
  const record = recordOf([]);
  let count = 0;
  for (const [key, value] of map) {
    if (count === maxEntries || budget.values <= 0) {
      record['…'] = `[${map.size - count} more]`;
      break;
    }
    count += 1;
    const name = typeof key === 'object' && key !== null ? '[object]' : String(key);
    addField(record, name, () => value, { budget, depth });
  }
  return record;
}

function toRecord(source: object, budget: Budget, depth: number): Record<string, unknown> {
  const record = recordOf([]);
  const keys = Object.keys(source);
  for (const [index, key] of keys.entries()) {
    if (index === maxEntries || budget.values <= 0) {
      record['…'] = `[${keys.length - index} more]`;
      break;
    }
    addField(record, key, () => (source as Record<string, unknown>)[key], { budget, depth });
  }
  return record;
}

function addField(
  record: Record<string, unknown>,
  key: string,
  read: () => unknown,
  { budget, depth }: { readonly budget: Budget; readonly depth: number },
): void {
  const name = key.length > maxKeyLength ? `${key.slice(0, maxKeyLength)}…` : key;
  budget.characters -= name.length;
  if (isSecretName(key)) {
    record[name] = redacted;
    return;
  }
  try {
    const value = toLogValue(read(), budget, depth + 1);
    if (value !== undefined) record[name] = value;
  } catch {
    record[name] = '[unreadable]';
  }
}

const errorFields = ['name', 'message', 'stack'] as const;

function toErrorRecord(error: Error, budget: Budget, depth: number): Record<string, unknown> {
  const record = recordOf([]);
  for (const field of errorFields) {
    addField(record, field, () => error[field], { budget, depth });
  }
  const own = toRecord(error, budget, depth);
  for (const key of Object.keys(own)) record[key] ??= own[key];
  // Not enumerable where the engine sets them.
  for (const field of ['cause', 'errors'] as const) {
    if (record[field] === undefined && field in error) {
      addField(record, field, () => (error as { cause?: unknown; errors?: unknown })[field], {
        budget,
        depth,
      });
    }
  }
  return record;
}

function withoutPassword(url: URL): string {
  if (url.password === '') return url.href;
  const copy = new URL(url);
  copy.password = 'redacted';
  return copy.href;
}

/** Without a prototype, so that a field named `__proto__` is a field. */
function recordOf(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const record: Record<string, unknown> = Object.create(null);
  for (const [key, value] of entries) record[key] = value;
  return record;
}
