import type { JsonSchema } from '@banyan/contract';
import { isJsonSchema } from '@banyan/contract';
import { branchesOf, type RootedSchema, resolve } from './config-properties.ts';

/** What a text means for a schema; undefined if it can mean nothing. */
export type Meaning = { readonly value: unknown } | undefined;

/**
 * Reads a text as the JSON type that a schema asks for. Constants are tried first, text last, so that `8080` for "a number or text" is a number.
 * Constraints (ranges, patterns) are left to the schema itself.
 */
export function fromText(text: string, rooted: RootedSchema): Meaning {
  return read(text, rooted, 0);
}

// From the narrowest to the widest: text takes everything.
const typeOrder = ['null', 'integer', 'number', 'boolean', 'array', 'object', 'string'];

function read(text: string, rooted: RootedSchema, depth: number): Meaning {
  // A schema that contains itself as a branch is a circle.
  if (depth > 16) return undefined;
  const { root } = rooted;
  const schema = resolve(rooted);
  const constants = constantsOf(schema);
  if (constants !== undefined) return constantOf(text, constants);
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((keyword) => branchesOf({ schema, root }, keyword));
  const types = typesOf(schema);
  if (types.length === 0 && branches.length > 0) {
    for (const branch of branches.toSorted((left, right) => rankOf(left) - rankOf(right))) {
      const meaning = read(text, { schema: branch, root }, depth + 1);
      if (meaning !== undefined) return meaning;
    }
    return undefined;
  }
  if (types.length === 0) return { value: text };
  for (const type of types) {
    const meaning = readAs(type, text, { schema, root }, depth);
    if (meaning !== undefined) return meaning;
  }
  return undefined;
}

export function constantsOf(schema: JsonSchema): readonly unknown[] | undefined {
  if ('const' in schema) return [schema.const];
  return Array.isArray(schema.enum) ? schema.enum : undefined;
}

/** Narrowest first. */
export function typesOf(schema: JsonSchema): readonly string[] {
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  return typeOrder.filter((type) => types.includes(type));
}

function rankOf(schema: JsonSchema): number {
  if (constantsOf(schema) !== undefined) return -1;
  const [narrowest] = typesOf(schema);
  return narrowest === undefined ? typeOrder.length : typeOrder.indexOf(narrowest);
}

function constantOf(text: string, constants: readonly unknown[]): Meaning {
  const written = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  for (const candidate of [text, text.trim()]) {
    const index = constants.findIndex((value) => written(value) === candidate);
    if (index >= 0) return { value: constants[index] };
  }
  return undefined;
}

function readAs(type: string, text: string, rooted: RootedSchema, depth: number): Meaning {
  switch (type) {
    case 'null':
      return text.trim() === 'null' ? { value: null } : undefined;
    case 'integer':
      return numberOf(text, /^[+-]?\d+$/, Number.isSafeInteger);
    case 'number':
      return numberOf(text, /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i, Number.isFinite);
    case 'boolean':
      return booleanOf(text.trim().toLowerCase());
    case 'array':
      return listOf(text.trim(), rooted, depth);
    case 'object':
      return jsonOf(text, isJsonSchema);
    default:
      return { value: text };
  }
}

function numberOf(text: string, form: RegExp, isAllowed: (value: number) => boolean): Meaning {
  const trimmed = text.trim();
  // Longer than any useful number; also keeps the expression from running over megabytes.
  if (trimmed.length > 400 || !form.test(trimmed)) return undefined;
  const value = Number(trimmed);
  return isAllowed(value) ? { value } : undefined;
}

function booleanOf(text: string): Meaning {
  if (text === 'true' || text === '1' || text === 'yes') return { value: true };
  if (text === 'false' || text === '0' || text === 'no') return { value: false };
  return undefined;
}

/** `a, b, c`, or a JSON array for what commas cannot separate. */
function listOf(text: string, { schema, root }: RootedSchema, depth: number): Meaning {
  if (text.startsWith('[')) return jsonOf(text, Array.isArray);
  const fixed = branchesOf({ schema, root }, 'prefixItems');
  const items = isJsonSchema(schema.items) ? schema.items : {};
  const value: unknown[] = [];
  for (const [index, part] of text.split(',').entries()) {
    const trimmed = part.trim();
    const meaning =
      trimmed === '' ? undefined : read(trimmed, { schema: fixed[index] ?? items, root }, depth + 1);
    if (meaning === undefined) return undefined;
    value.push(meaning.value);
  }
  return { value };
}

function jsonOf(text: string, isAllowed: (value: unknown) => boolean): Meaning {
  try {
    const value: unknown = JSON.parse(text);
    return isAllowed(value) ? { value } : undefined;
  } catch {
    // Not JSON: the caller words the problem, without the parser's excerpt, which could show a secret.
    return undefined;
  }
}
