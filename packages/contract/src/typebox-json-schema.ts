import { isJsonSchema, type JsonSchema } from './json-schema.ts';

// What TypeBox adds to JSON Schema for values that JSON does not have.
const foreignTypes: ReadonlySet<unknown> = new Set([
  'bigint',
  'symbol',
  'undefined',
  'void',
  'function',
  'constructor',
]);

/**
 * A TypeBox type as JSON Schema of draft 2020-12: without TypeBox's own marks, and with `prefixItems` for tuples.
 * @throws Error if the type is not a JSON type
 */
export function jsonSchemaOfTypeBox(type: JsonSchema): JsonSchema {
  const definitions: Record<string, unknown> = {};
  const root = convert(type, definitions) as JsonSchema;
  return Object.keys(definitions).length === 0 ? root : { ...root, $defs: definitions };
}

/** An own property of any visibility; TypeBox hides `~kind`, `~codec` and `~refine` from enumeration. */
export function ownOf(holder: object, name: string): unknown {
  return Object.hasOwn(holder, name) ? (holder as Record<string, unknown>)[name] : undefined;
}

function convert(part: unknown, definitions: Record<string, unknown>): unknown {
  if (Array.isArray(part)) return part.map((below) => convert(below, definitions));
  if (typeof part === 'function' || typeof part === 'bigint') {
    throw new Error(`A ${typeof part} cannot be represented in JSON Schema`);
  }
  if (part instanceof RegExp) return part.source;
  if (!isJsonSchema(part)) return part;
  if (foreignTypes.has(part.type)) {
    throw new Error(`The type '${part.type}' cannot be represented in JSON Schema`);
  }
  const converted: Record<string, unknown> = {};
  for (const [keyword, below] of Object.entries(part)) {
    // TypeBox refers to definitions by bare name and nests them where they are used.
    if (keyword === '$ref' && typeof below === 'string' && !below.startsWith('#'))
      converted[keyword] = `#/$defs/${below}`;
    else if (keyword === '$defs') Object.assign(definitions, convert(below, definitions));
    else if (keyword !== '$id') converted[keyword] = convert(below, definitions);
  }
  if (!Array.isArray(part.items)) return converted;
  const { items, additionalItems, ...rest } = converted;
  return { ...rest, prefixItems: items, items: additionalItems ?? true };
}
