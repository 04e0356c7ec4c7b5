import { isJsonSchema, type JsonSchema } from './json-schema.ts';

/** The schemas of a document, shared under `#/components/schemas`. */
export interface DocumentSchemas {
  /**
   * The schema with its definitions moved into the components and its references led there.
   * @param owner where the schema comes from; names its definitions when two contracts use one name for different things
   */
  add(schema: JsonSchema, owner: SchemaOwner): JsonSchema;
  readonly components: Readonly<Record<string, JsonSchema>>;
}

export interface SchemaOwner {
  readonly service: string;
  /** Unique within the service. */
  readonly name: string;
}

export function createDocumentSchemas(initial: Readonly<Record<string, JsonSchema>> = {}): DocumentSchemas {
  return new SharedSchemas(initial);
}

// Keywords whose values are data, in which `$ref` means nothing.
const dataKeywords: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'example', 'examples']);
const prefix = '#/components/schemas/';

class SharedSchemas implements DocumentSchemas {
  readonly components: Record<string, JsonSchema>;

  constructor(initial: Readonly<Record<string, JsonSchema>>) {
    this.components = { ...initial };
  }

  add({ $schema: _, $defs, ...root }: JsonSchema, owner: SchemaOwner): JsonSchema {
    const definitions = new Map<string, JsonSchema>();
    for (const [name, definition] of Object.entries($defs ?? {})) {
      if (isJsonSchema(definition)) definitions.set(`#/$defs/${name}`, definition);
    }
    if (mentions(root, '#') || [...definitions.values()].some((definition) => mentions(definition, '#'))) {
      definitions.set('#', root);
    }
    const names = this.#nameAll(definitions, owner);
    for (const [pointer, definition] of definitions) {
      this.components[names.get(pointer) ?? pointer] = rewrite(definition, names) as JsonSchema;
    }
    const whole = names.get('#');
    return whole === undefined ? (rewrite(root, names) as JsonSchema) : { $ref: `${prefix}${whole}` };
  }

  /** Component names for definitions: their own where that is free or means the same, else one with the owner in it. */
  #nameAll(definitions: ReadonlyMap<string, JsonSchema>, owner: SchemaOwner): Map<string, string> {
    const attempts = new Map<string, number>([...definitions.keys()].map((pointer) => [pointer, 0]));
    for (;;) {
      const names = new Map(
        [...attempts].map(([pointer, attempt]) => [pointer, nameOf(pointer, owner, attempt)]),
      );
      // A new name changes the text of every definition that refers to it, so look again until nothing clashes.
      const clash = [...definitions].find(([pointer, definition]) => {
        const before = this.components[names.get(pointer) ?? ''];
        return before !== undefined && JSON.stringify(before) !== JSON.stringify(rewrite(definition, names));
      });
      if (clash === undefined) return names;
      attempts.set(clash[0], (attempts.get(clash[0]) ?? 0) + 1);
    }
  }
}

function nameOf(pointer: string, { service, name }: SchemaOwner, attempt: number): string {
  const own = pointer === '#' ? `${service}.${name}` : pointer.slice('#/$defs/'.length);
  // Component names have a smaller alphabet than definitions.
  const safe = own.replace(/[^A-Za-z0-9._-]/g, '_');
  if (attempt === 0) return safe;
  return `${service}.${safe}${attempt === 1 ? '' : attempt}`;
}

function mentions(part: unknown, pointer: string): boolean {
  if (Array.isArray(part)) return part.some((below) => mentions(below, pointer));
  if (!isJsonSchema(part)) return false;
  return part.$ref === pointer || Object.values(part).some((below) => mentions(below, pointer));
}

function rewrite(part: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(part)) return part.map((below) => rewrite(below, names));
  if (!isJsonSchema(part)) return part;
  const entries = Object.entries(part).map(([keyword, below]) => {
    if (dataKeywords.has(keyword) && !isJsonSchema(below)) return [keyword, below];
    const name = keyword === '$ref' && typeof below === 'string' ? names.get(below) : undefined;
    return [keyword, name === undefined ? rewrite(below, names) : `${prefix}${name}`];
  });
  return Object.fromEntries(entries);
}
