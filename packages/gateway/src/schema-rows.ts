import type { JsonSchema } from '@banyan/contract';

/** One field of a schema as a line of a table. */
export interface SchemaRow {
  /** `address.city`, `items[].sku`; empty for a value that is no object. */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  /** Constraints, default and description in words. */
  readonly notes: string;
}

/** Deeper fields are summed up as `object`. */
const maxDepth = 6;

/** The fields of `root`, parents before children, in the order in which the schema declares them. */
export function schemaRows(root: JsonSchema): readonly SchemaRow[] {
  const rows: SchemaRow[] = [];
  const schema = resolve(root, root);
  if (Object.keys(propertiesOf(schema, root)).length === 0 && schema.type !== 'object') {
    rows.push({ path: '', type: typeText(schema, root), required: true, notes: notesOf(schema) });
  }
  addFields({ root, rows }, schema, '');
  return rows;
}

/** A value that shows what `root` looks like: examples and defaults where there are any, required fields only. */
export function exampleOf(schema: JsonSchema, root: JsonSchema = schema, depth = 0): unknown {
  const own = resolve(schema, root);
  if (Array.isArray(own['examples']) && own['examples'].length > 0) return own['examples'][0];
  if (own['default'] !== undefined) return own['default'];
  if (own.const !== undefined) return own.const;
  if (Array.isArray(own.enum)) return own.enum[0];
  const [branch] = branchesOf(own);
  if (branch !== undefined) return exampleOf(branch, root, depth + 1);
  const type = Array.isArray(own.type) ? own.type[0] : own.type;
  if (type === 'integer' || type === 'number') return typeof own['minimum'] === 'number' ? own['minimum'] : 1;
  if (type === 'boolean') return true;
  if (type === 'array')
    return depth < maxDepth && isSchema(own.items) ? [exampleOf(own.items, root, depth + 1)] : [];
  if (type === 'string') return exampleText(own);
  if (depth >= maxDepth) return {};
  const required = Array.isArray(own.required) ? own.required : [];
  return Object.fromEntries(
    Object.entries(propertiesOf(own, root))
      .filter(([name]) => required.includes(name))
      .map(([name, property]) => [name, exampleOf(property, root, depth + 1)]),
  );
}

interface Walk {
  readonly root: JsonSchema;
  readonly rows: SchemaRow[];
}

function addFields(walk: Walk, schema: JsonSchema, prefix: string, depth = 0): void {
  if (depth >= maxDepth) return;
  const required = Array.isArray(schema.required) ? schema.required : [];
  for (const [name, property] of Object.entries(propertiesOf(schema, walk.root))) {
    const own = resolve(property, walk.root);
    const path = prefix === '' ? name : `${prefix}.${name}`;
    walk.rows.push({
      path,
      type: typeText(own, walk.root),
      required: required.includes(name),
      notes: notesOf({ ...own, ...property }),
    });
    addFields(walk, own, path, depth + 1);
    if (isSchema(own.items)) addFields(walk, resolve(own.items, walk.root), `${path}[]`, depth + 1);
  }
}

/** Own properties and those of all branches: which belong together, the type column says. */
function propertiesOf(schema: JsonSchema, root: JsonSchema): Record<string, JsonSchema> {
  const found: Record<string, JsonSchema> = {};
  for (const branch of branchesOf(schema)) {
    const properties = resolve(branch, root).properties;
    if (isSchema(properties)) Object.assign(found, properties);
  }
  return Object.assign(found, isSchema(schema.properties) ? schema.properties : {});
}

function typeText(schema: JsonSchema, root: JsonSchema, depth = 0): string {
  const own = resolve(schema, root);
  if (own.const !== undefined) return JSON.stringify(own.const);
  if (Array.isArray(own.enum)) return own.enum.map((value) => JSON.stringify(value)).join(' | ');
  const branches = branchesOf(own);
  if (branches.length > 0) {
    if (depth >= maxDepth) return 'value';
    return [...new Set(branches.map((branch) => typeText(branch, root, depth + 1)))].join(' or ');
  }
  if (Array.isArray(own.type)) return own.type.join(' or ');
  if (own.type === 'array') {
    return isSchema(own.items) && depth < maxDepth
      ? `array of ${typeText(own.items, root, depth + 1)}`
      : 'array';
  }
  if (typeof own.type !== 'string') return 'any value';
  return typeof own['format'] === 'string' ? `${own.type} (${own['format']})` : own.type;
}

const constraints: Readonly<Record<string, string>> = {
  minLength: 'length ≥',
  maxLength: 'length ≤',
  minimum: '≥',
  exclusiveMinimum: '>',
  maximum: '≤',
  exclusiveMaximum: '<',
  multipleOf: 'multiple of',
  minItems: 'items ≥',
  maxItems: 'items ≤',
  pattern: 'matches',
};

function notesOf(schema: JsonSchema): string {
  const notes: string[] = [];
  if (typeof schema['description'] === 'string') notes.push(schema['description']);
  for (const [keyword, words] of Object.entries(constraints)) {
    const value = schema[keyword];
    // Libraries describe "any safe integer" with these two numbers, which tell a reader nothing.
    if (value === undefined || Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER) continue;
    // The pattern behind a named format is longer than the page.
    if (keyword === 'pattern' && schema['format'] !== undefined) continue;
    notes.push(`${words} ${String(value)}`);
  }
  if (schema['default'] !== undefined) notes.push(`default ${JSON.stringify(schema['default'])}`);
  return notes.join('; ');
}

const exampleTexts: Readonly<Record<string, string>> = {
  email: 'ada@example.org',
  uri: 'https://example.org/',
  url: 'https://example.org/',
  uuid: '01890a5d-ac96-774b-bcce-b302099a8057',
  'date-time': '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  time: '12:00:00',
};

function exampleText(schema: JsonSchema): string {
  const format = schema['format'];
  const known =
    typeof format === 'string' && Object.hasOwn(exampleTexts, format) ? exampleTexts[format] : undefined;
  if (known !== undefined) return known;
  const length = typeof schema['minLength'] === 'number' ? schema['minLength'] : 0;
  return 'text'.padEnd(Math.min(length, 64), '-text');
}

function branchesOf(schema: JsonSchema): readonly JsonSchema[] {
  return ['anyOf', 'oneOf', 'allOf'].flatMap((keyword) => {
    const branches = schema[keyword];
    return Array.isArray(branches) ? branches.filter(isSchema) : [];
  });
}

function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let current = schema;
  for (let hops = 0; hops < 16 && typeof current.$ref === 'string'; hops += 1) {
    let next: unknown = root;
    for (const token of current.$ref.split('/').slice(1)) {
      next = isSchema(next) ? next[token.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined;
    }
    if (!isSchema(next)) return current;
    current = next;
  }
  return current;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
