import type { Schema } from './standard-schema.ts';

/** A JSON Schema of draft 2020-12, as a plain object. It comes from a schema library, so nothing about its keywords is certain. */
export interface JsonSchema {
  readonly $ref?: unknown;
  readonly $defs?: unknown;
  readonly type?: unknown;
  readonly const?: unknown;
  readonly enum?: unknown;
  readonly properties?: unknown;
  readonly required?: unknown;
  readonly additionalProperties?: unknown;
  readonly items?: unknown;
  readonly prefixItems?: unknown;
  readonly additionalItems?: unknown;
  readonly minItems?: unknown;
  readonly maxItems?: unknown;
  readonly minLength?: unknown;
  readonly maxLength?: unknown;
  readonly pattern?: unknown;
  readonly patternProperties?: unknown;
  readonly format?: unknown;
  readonly anyOf?: unknown;
  readonly default?: unknown;
  readonly [keyword: string]: unknown;
}

/** `input`: what a caller hands in; `output`: what validation yields. They differ where a schema has defaults or transforms. */
export type Direction = 'input' | 'output';

const known: Record<Direction, WeakMap<Schema, JsonSchema>> = { input: new WeakMap(), output: new WeakMap() };

/**
 * The JSON Schema of `schema`, made once per schema value. Do not change the result.
 * @throws TypeError, with the fix in the text, if the schema's library cannot describe it
 */
export function toJsonSchema(schema: Schema, direction: Direction): JsonSchema {
  const memo = known[direction];
  const before = memo.get(schema);
  if (before !== undefined) return before;
  const made = describe(schema, direction);
  memo.set(schema, made);
  return made;
}

function describe(schema: Schema, direction: Direction): JsonSchema {
  // Checked at run time too: plain JavaScript and casts hand in other things.
  const standard = (schema as Partial<Schema> | null | undefined)?.['~standard'];
  if (standard === undefined) {
    throw new TypeError(
      'This is not a Standard Schema. Use zod 4 (z.object(...)), typebox(Compile(...)), or any library with Standard Schema and Standard JSON Schema.',
    );
  }
  if (standard.jsonSchema === undefined) {
    throw new TypeError(
      `Schemas of '${standard.vendor}' carry no JSON Schema. Use zod 4.2 or later, typebox(Compile(...)), or any library with Standard JSON Schema (https://standardschema.dev/json-schema).`,
    );
  }
  try {
    return standard.jsonSchema[direction]({ target: 'draft-2020-12' });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(
      `The ${direction} side of this '${standard.vendor}' schema has no JSON Schema: ${why}. Contracts are JSON: use RFC 3339 strings for times, strings or numbers for big integers, and keep transforms out of what travels.`,
      { cause },
    );
  }
}

/** Of a document, and not of what it says at one place. */
const documentWords: ReadonlySet<string> = new Set(['$ref', '$defs', 'definitions', '$schema', '$id']);

/**
 * Follows local references (`#`, `#/$defs/Name`); anything else, and a reference to nowhere, is returned as it is. What stands beside a reference, such as
 * a default or a description, goes before what it refers to.
 */
export function resolveReference(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let current = schema;
  // A chain longer than this is a circle.
  for (let hops = 0; hops < 16 && typeof current.$ref === 'string'; hops++) {
    const next = lookUp(current.$ref, root);
    if (next === undefined) return current;
    const beside = Object.entries(current).filter(([word]) => !documentWords.has(word));
    current = beside.length === 0 ? next : { ...next, ...Object.fromEntries(beside) };
  }
  return current;
}

function lookUp(pointer: string, root: JsonSchema): JsonSchema | undefined {
  if (pointer !== '#' && !pointer.startsWith('#/')) return undefined;
  let current: unknown = root;
  for (const token of pointer.split('/').slice(1)) {
    if (!isJsonSchema(current)) return undefined;
    current = current[decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return isJsonSchema(current) ? current : undefined;
}

/** Sub-schemas under `keyword` (`anyOf`, `allOf` …), references followed. */
export function branchesOf(schema: JsonSchema, keyword: string, root: JsonSchema): readonly JsonSchema[] {
  const branches = schema[keyword];
  if (!Array.isArray(branches)) return [];
  return branches.filter(isJsonSchema).map((branch) => resolveReference(branch, root));
}

/** A schema and, below each other, all its branches, references followed: whatever a value of it follows is among them. */
export function piecesOf(schema: JsonSchema, root: JsonSchema): readonly JsonSchema[] {
  return collectPieces(schema, root, 0);
}

function collectPieces(reference: JsonSchema, root: JsonSchema, depth: number): readonly JsonSchema[] {
  // A schema that contains itself as a branch is a circle.
  if (depth > 16) return [];
  const schema = resolveReference(reference, root);
  const branches = ['allOf', 'anyOf', 'oneOf'].flatMap((keyword) => branchesOf(schema, keyword, root));
  return [schema, ...branches.flatMap((branch) => collectPieces(branch, root, depth + 1))];
}

export function isJsonSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
