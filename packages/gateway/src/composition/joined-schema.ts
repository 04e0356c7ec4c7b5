import {
  isBinary,
  isJsonSchema,
  type JsonSchema,
  resolveReference,
  type StandardSchema,
  toJsonSchema,
} from '@banyan/contract';
import type { Part } from './run-parts.ts';

const missing: JsonSchema = {
  type: 'array',
  description: 'Parts that are not there, or have something else in their place; empty if all is there.',
  items: {
    type: 'object',
    required: ['part', 'because', 'reason', 'given'],
    properties: {
      part: { type: 'string' },
      because: { type: 'string', enum: ['refused', 'unavailable'] },
      reason: { type: 'string' },
      given: { type: 'string', enum: ['nothing', 'fallback', 'kept'] },
      ageS: { type: 'integer', description: 'Age of what was kept, in seconds.' },
    },
  },
};

/** Written by hand, so that the platform needs no schema library. The parts were validated when they came. */
export function joinedSchema<Output>(parts: readonly Part[]): StandardSchema<Output> {
  let made: JsonSchema | undefined;
  const describe = () => {
    made ??= describeParts(parts);
    return made as Record<string, unknown>;
  };
  return {
    '~standard': {
      version: 1,
      vendor: 'banyan',
      validate: (value) => ({ value: value as Output }),
      jsonSchema: { input: describe, output: describe },
    },
  };
}

function describeParts(parts: readonly Part[]): JsonSchema {
  const definitions: Record<string, JsonSchema> = {};
  const properties: Record<string, JsonSchema> = {};
  for (const part of parts) {
    const schema = embed(part, definitions);
    properties[part.name] = part.isMandatory ? schema : { anyOf: [schema, { type: 'null' }] };
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    required: [...parts.map(({ name }) => name), 'missing'],
    properties: { ...properties, missing },
    ...(Object.keys(definitions).length === 0 ? undefined : { $defs: definitions }),
  };
}

/** The schema of a part with its definitions under names of their own, since those of two parts may be the same. */
function embed({ name, operation, fields }: Part, definitions: Record<string, JsonSchema>): JsonSchema {
  if (isBinary(operation.output)) return {};
  const { $schema: _, $defs, ...root } = toJsonSchema(operation.output, 'output');
  const rename = (pointer: string) => {
    if (pointer === '#') return `#/$defs/${name}`;
    return pointer.startsWith('#/$defs/') ? `#/$defs/${name}.${pointer.slice('#/$defs/'.length)}` : pointer;
  };
  if (isJsonSchema($defs)) {
    for (const [key, definition] of Object.entries($defs))
      definitions[`${name}.${key}`] = renamed(definition, rename) as JsonSchema;
  }
  if (JSON.stringify([root, $defs]).includes('"$ref":"#"'))
    definitions[name] = renamed(root, rename) as JsonSchema;
  const whole = resolveReference(root, { ...root, ...($defs === undefined ? undefined : { $defs }) });
  return renamed(fields === undefined ? root : pick(whole, fields), rename) as JsonSchema;
}

function pick(schema: JsonSchema, fields: readonly string[]): JsonSchema {
  const properties = isJsonSchema(schema.properties) ? schema.properties : {};
  return {
    ...schema,
    properties: Object.fromEntries(Object.entries(properties).filter(([name]) => fields.includes(name))),
    ...(Array.isArray(schema.required)
      ? { required: schema.required.filter((name) => fields.includes(name)) }
      : undefined),
  };
}

function renamed(part: unknown, rename: (pointer: string) => string): unknown {
  if (Array.isArray(part)) return part.map((below) => renamed(below, rename));
  if (!isJsonSchema(part)) return part;
  return Object.fromEntries(
    Object.entries(part).map(([keyword, below]) => [
      keyword,
      keyword === '$ref' && typeof below === 'string' ? rename(below) : renamed(below, rename),
    ]),
  );
}
