import { branchesOf, isJsonSchema, type JsonSchema, resolveReference } from './json-schema.ts';

type Primitive = string | number | boolean | null;

/** How the values of one input field are written into a URL, and read back without loss. */
export interface UrlValue {
  readonly strings: boolean;
  readonly numbers: boolean;
  readonly booleans: boolean;
  readonly nulls: boolean;
  /** Enumerated values by their text. */
  readonly constants: ReadonlyMap<string, Primitive>;
  /** What each element is, for a field that takes an array. */
  readonly items: UrlValue | undefined;
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** The text's value, or the text itself where no other type fits, so that validation says what is wrong. */
export function fromText(text: string, type: UrlValue): Primitive {
  const constant = type.constants.get(text);
  if (constant !== undefined) return constant;
  if (type.numbers && jsonNumber.test(text)) return Number(text);
  if (type.booleans && (text === 'true' || text === 'false')) return text === 'true';
  if (type.nulls && text === 'null') return null;
  return text;
}

/** The value's text; undefined if a value of this type could not be read back. */
export function toText(value: unknown, type: UrlValue): string | undefined {
  if (typeof value === 'string') return type.strings || fromText(value, type) === value ? value : undefined;
  if (value === null) return type.nulls || type.constants.get('null') === null ? 'null' : undefined;
  if (typeof value !== 'number' && typeof value !== 'boolean') return undefined;
  const text = String(value);
  const free = typeof value === 'boolean' ? type.booleans : type.numbers && Number.isFinite(value);
  return free || type.constants.get(text) === value ? text : undefined;
}

/**
 * Reads off JSON Schemas (any of which may hold) how their values go into a URL.
 * @returns why they cannot, in words, if a text could mean two values or the value has parts
 */
export function urlValueOf(schemas: readonly JsonSchema[], root: JsonSchema): UrlValue | string {
  const draft = emptyDraft();
  for (const schema of schemas) addSchema(draft, schema, root, 0);
  return settle(draft);
}

interface Draft {
  strings: boolean;
  numbers: boolean;
  booleans: boolean;
  nulls: boolean;
  parts: boolean;
  untyped: boolean;
  readonly constants: Primitive[];
  readonly items: JsonSchema[];
  root: JsonSchema;
}

function emptyDraft(): Draft {
  return {
    strings: false,
    numbers: false,
    booleans: false,
    nulls: false,
    parts: false,
    untyped: false,
    constants: [],
    items: [],
    root: {},
  };
}

function addSchema(draft: Draft, reference: JsonSchema, root: JsonSchema, depth: number): void {
  const schema = resolveReference(reference, root);
  draft.root = root;
  if (depth > 16) {
    draft.parts = true;
    return;
  }
  if ('const' in schema || Array.isArray(schema.enum)) {
    const values: readonly unknown[] = 'const' in schema ? [schema.const] : (schema.enum as unknown[]);
    for (const value of values) addConstant(draft, value);
    return;
  }
  const branches = ['anyOf', 'oneOf'].flatMap((keyword) => branchesOf(schema, keyword, root));
  const types = typeof schema.type === 'string' ? [schema.type] : schema.type;
  if (Array.isArray(types)) {
    for (const type of types) addType(draft, type, schema);
  } else if (branches.length > 0) {
    for (const branch of branches) addSchema(draft, branch, root, depth + 1);
  } else {
    const typed = branchesOf(schema, 'allOf', root).find((branch) => branch.type !== undefined);
    if (typed === undefined) draft.untyped = true;
    else addSchema(draft, typed, root, depth + 1);
  }
}

function addConstant(draft: Draft, value: unknown): void {
  if (typeof value === 'object' && value !== null) draft.parts = true;
  else draft.constants.push(value as Primitive);
}

function addType(draft: Draft, type: unknown, schema: JsonSchema): void {
  if (type === 'string') draft.strings = true;
  else if (type === 'number' || type === 'integer') draft.numbers = true;
  else if (type === 'boolean') draft.booleans = true;
  else if (type === 'null') draft.nulls = true;
  else if (type === 'array' && isJsonSchema(schema.items) && schema.prefixItems === undefined)
    draft.items.push(schema.items);
  else draft.parts = true;
}

function settle(draft: Draft): UrlValue | string {
  if (draft.untyped) return 'has no type in its JSON Schema, so its text could mean anything: give it one';
  if (draft.parts)
    return 'is an object or a tuple, which a URL cannot hold: flatten it or move it into a body';
  const constants = new Map<string, Primitive>();
  for (const value of draft.constants) {
    const text = String(value);
    if (constants.has(text) && constants.get(text) !== value) return ambiguous(text);
    constants.set(text, value);
  }
  const type = { ...draft, constants, items: undefined };
  const scalar = draft.strings || draft.numbers || draft.booleans || draft.nulls || constants.size > 0;
  const clash = clashOf(type);
  if (clash !== undefined) return ambiguous(clash);
  const scalars = pick(type);
  if (draft.items.length === 0) return scalars;
  if (scalar) return 'is one value or an array, which look the same in a URL: always use an array';
  const items = urlValueOf(draft.items, draft.root);
  if (typeof items === 'string') return items.replace(/^is/, 'has elements, each');
  if (items.items !== undefined) return 'is an array of arrays, which a URL cannot hold: move it into a body';
  return { ...scalars, items };
}

function pick({ strings, numbers, booleans, nulls, constants, items }: UrlValue): UrlValue {
  return { strings, numbers, booleans, nulls, constants, items };
}

/** A text that two values of the type would share. */
function clashOf(type: UrlValue): string | undefined {
  if (type.strings) {
    if (type.numbers) return '5';
    if (type.booleans) return 'true';
    if (type.nulls) return 'null';
  }
  for (const [text, value] of type.constants) {
    if (type.strings && typeof value !== 'string') return text;
    if (typeof value !== 'string') continue;
    if (fromText(text, { ...type, constants: new Map() }) !== text) return text;
  }
  return undefined;
}

function ambiguous(text: string): string {
  return `may be a string or something else, and a URL cannot tell '${text}' from ${text}: allow one type only`;
}
