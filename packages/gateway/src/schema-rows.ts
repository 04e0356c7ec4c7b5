import { branchesOf, isJsonSchema, type JsonSchema, piecesOf, resolveReference } from '@banyan/contract';

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
  const schema = resolveReference(root, root);
  if (Object.keys(propertiesOf(schema, root)).length === 0 && schema.type !== 'object') {
    rows.push({ path: '', type: typeText(schema, root), required: true, notes: notesOf(schema) });
  }
  addFields({ root, rows }, schema, '');
  return rows;
}

interface Walk {
  readonly root: JsonSchema;
  readonly rows: SchemaRow[];
}

function addFields(walk: Walk, schema: JsonSchema, prefix: string, depth = 0): void {
  if (depth >= maxDepth) return;
  const required = Array.isArray(schema.required) ? schema.required : [];
  for (const [name, property] of Object.entries(propertiesOf(schema, walk.root))) {
    const own = resolveReference(property, walk.root);
    const path = prefix === '' ? name : `${prefix}.${name}`;
    walk.rows.push({
      path,
      type: typeText(own, walk.root),
      required: required.includes(name),
      notes: notesOf({ ...own, ...property }),
    });
    addFields(walk, own, path, depth + 1);
    if (isJsonSchema(own.items))
      addFields(walk, resolveReference(own.items, walk.root), `${path}[]`, depth + 1);
  }
}

/** Own properties and those of all branches: which belong together, the type column says. */
function propertiesOf(schema: JsonSchema, root: JsonSchema): Record<string, JsonSchema> {
  const [own, ...branches] = piecesOf(schema, root);
  return Object.assign({}, ...[...branches, own].map((piece) => piece?.properties));
}

function typeText(schema: JsonSchema, root: JsonSchema, depth = 0): string {
  const own = resolveReference(schema, root);
  if (own.const !== undefined) return JSON.stringify(own.const);
  if (Array.isArray(own.enum)) return own.enum.map((value) => JSON.stringify(value)).join(' | ');
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((keyword) => branchesOf(own, keyword, root));
  if (branches.length > 0) {
    if (depth >= maxDepth) return 'value';
    return [...new Set(branches.map((branch) => typeText(branch, root, depth + 1)))].join(' or ');
  }
  if (Array.isArray(own.type)) return own.type.join(' or ');
  if (own.type === 'array') {
    return isJsonSchema(own.items) && depth < maxDepth
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
