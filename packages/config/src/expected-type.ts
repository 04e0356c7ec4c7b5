import type { JsonSchema } from '@banyan/contract';
import { isJsonSchema } from '@banyan/contract';
import { branchesOf, type RootedSchema, resolve } from './config-properties.ts';
import { constantsOf, typesOf } from './from-text.ts';

/** What a schema accepts, in words for an operator: `a whole number from 1 to 100`, `one of a, b`. */
export function expectedType(rooted: RootedSchema): string {
  return words(rooted, 0);
}

function words(rooted: RootedSchema, depth: number): string {
  if (depth > 8) return 'a nested value';
  const { root } = rooted;
  const schema = resolve(rooted);
  const constants = constantsOf(schema);
  if (constants !== undefined) return constantWords(constants);
  const types = typesOf(schema);
  const alternatives =
    types.length > 0
      ? types.map((type) => typeWords(type, { schema, root }, depth))
      : ['anyOf', 'oneOf', 'allOf']
          .flatMap((keyword) => branchesOf({ schema, root }, keyword))
          .map((branch) => words({ schema: branch, root }, depth + 1));
  return alternatives.length === 0 ? 'any text' : [...new Set(alternatives)].join(' or ');
}

function constantWords(constants: readonly unknown[]): string {
  const written = constants.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
  const shown = written.slice(0, 30).join(', ') + (written.length > 30 ? ', …' : '');
  return written.length === 1 ? shown : `one of ${shown}`;
}

function typeWords(type: string, rooted: RootedSchema, depth: number): string {
  const { schema } = rooted;
  switch (type) {
    case 'integer':
      return `a whole number${rangeWords(schema)}`;
    case 'number':
      return `a number${rangeWords(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return listWords(rooted, depth);
    case 'object':
      return 'a JSON object';
    case 'null':
      return 'null';
    default:
      return textWords(schema);
  }
}

function rangeWords(schema: JsonSchema): string {
  const minimum = bound(schema['minimum']);
  const maximum = bound(schema['maximum']);
  const above = bound(schema['exclusiveMinimum']);
  const below = bound(schema['exclusiveMaximum']);
  const parts: string[] = [];
  if (minimum !== undefined && maximum !== undefined) parts.push(`from ${minimum} to ${maximum}`);
  else if (minimum !== undefined) parts.push(`of at least ${minimum}`);
  else if (maximum !== undefined) parts.push(`of at most ${maximum}`);
  if (above !== undefined) parts.push(`greater than ${above}`);
  if (below !== undefined) parts.push(`less than ${below}`);
  if (typeof schema['multipleOf'] === 'number') parts.push(`in steps of ${schema['multipleOf']}`);
  return parts.length === 0 ? '' : ` ${parts.join(' and ')}`;
}

/** zod gives every integer the bounds of safe integers, which tell an operator nothing. */
function bound(value: unknown): number | undefined {
  return typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : undefined;
}

const formatWords: Readonly<Record<string, string>> = {
  date: 'a date such as 2026-01-31',
  'date-time': 'a time such as 2026-01-31T12:00:00Z',
  duration: 'a duration such as PT1H30M',
  email: 'an email address',
  hostname: 'a host name',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  uri: 'a URL',
  uuid: 'a UUID',
};

function textWords(schema: JsonSchema): string {
  const { format, pattern } = schema;
  if (typeof format === 'string' && Object.hasOwn(formatWords, format)) return formatWords[format] ?? 'text';
  const size = sizeWords(schema.minLength, schema.maxLength, 'character');
  const form = typeof pattern === 'string' && pattern.length <= 100 ? ` matching ${pattern}` : '';
  return `text${size}${form}`;
}

function listWords({ schema, root }: RootedSchema, depth: number): string {
  const size = sizeWords(schema.minItems, schema.maxItems, 'entry');
  const each = isJsonSchema(schema.items) ? `, each ${words({ schema: schema.items, root }, depth + 1)}` : '';
  return `a list${size} separated by commas${each}`;
}

function sizeWords(minimum: unknown, maximum: unknown, noun: 'character' | 'entry'): string {
  const many = noun === 'entry' ? 'entries' : 'characters';
  const count = (size: number) => `${size} ${size === 1 ? noun : many}`;
  const [low, high] = [bound(minimum), bound(maximum)];
  if (low !== undefined && low === high) return ` of ${count(low)}`;
  if (low !== undefined && high !== undefined) return ` of ${low} to ${count(high)}`;
  if (low !== undefined) return ` of at least ${count(low)}`;
  return high === undefined ? '' : ` of at most ${count(high)}`;
}
