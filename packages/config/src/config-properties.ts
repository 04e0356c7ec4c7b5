import { isJsonSchema, type JsonSchema, type Schema, toJsonSchema } from '@banyan/contract';
import { isSecretProperty, variableNameOf } from './variable-name.ts';

/** One property of a service's configuration, as its JSON Schema describes it. */
export interface ConfigProperty {
  readonly name: string;
  readonly variable: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
  /** By its name, that of a part of it, or `writeOnly`. */
  readonly secret: boolean;
}

/** A JSON Schema together with the document that its `$ref`s point into. */
export type RootedSchema = { readonly schema: JsonSchema; readonly root: JsonSchema };

/** @throws TypeError, with the fix in the text, if `schema` is not one object schema or two properties share a variable */
export function configProperties(service: string, schema: Schema): readonly ConfigProperty[] {
  const root = describe(service, schema);
  const object = resolve({ schema: root, root });
  if (object.type !== 'object') {
    throw new TypeError(
      `Configuration of service '${service}': use one object schema, such as z.object({ maxQuantity: z.int() }).`,
    );
  }
  const required = Array.isArray(object.required) ? object.required : [];
  const byVariable = new Map<string, ConfigProperty>();
  for (const [name, property] of Object.entries(propertiesOf(object))) {
    const variable = variableNameOf(service, name);
    const twin = byVariable.get(variable);
    if (twin !== undefined) {
      throw new TypeError(
        `Configuration of service '${service}': rename '${name}' or '${twin.name}'; both are read from ${variable}.`,
      );
    }
    const secret = isSecretProperty(name) || holdsSecret({ schema: property, root }, 0);
    // References are followed against the root, which therefore travels with each property.
    const rooted = { $defs: root.$defs, ...resolve({ schema: property, root }) };
    byVariable.set(variable, { name, variable, schema: rooted, required: required.includes(name), secret });
  }
  return [...byVariable.values()];
}

/** Follows `$ref` into `$defs` (or `#`); an unresolvable or circular one is left as it is. */
export function resolve({ schema, root }: RootedSchema): JsonSchema {
  let current = schema;
  for (let hops = 0; hops < 16; hops += 1) {
    const target = /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(String(current.$ref))?.[1];
    if (target === undefined) return current;
    const definitions = (root.$defs ?? root['definitions']) as Record<string, unknown> | undefined;
    const next = definitions?.[decodeURIComponent(target).replaceAll('~1', '/').replaceAll('~0', '~')];
    if (!isJsonSchema(next)) return current;
    // What stands beside a reference (default, description) describes this use of it.
    const { $ref: _, ...beside } = current;
    current = { ...next, ...beside };
  }
  return current;
}

/** The sub-schemas of `keyword` (`anyOf`, `oneOf`, `allOf`, `prefixItems`). */
export function branchesOf({ schema, root }: RootedSchema, keyword: string): readonly JsonSchema[] {
  const branches = schema[keyword];
  return Array.isArray(branches)
    ? branches.filter(isJsonSchema).map((branch) => resolve({ schema: branch, root }))
    : [];
}

function describe(service: string, schema: Schema): JsonSchema {
  try {
    return toJsonSchema(schema, 'input');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`Configuration of service '${service}': ${why}`, { cause });
  }
}

function propertiesOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const properties = isJsonSchema(schema.properties) ? schema.properties : {};
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, isJsonSchema(property) ? property : {}]),
  );
}

function holdsSecret(rooted: RootedSchema, depth: number): boolean {
  if (depth > 8) return false;
  const schema = resolve(rooted);
  if (schema['writeOnly'] === true || schema.format === 'password') return true;
  const { root } = rooted;
  const parts = [
    ...['anyOf', 'oneOf', 'allOf', 'prefixItems'].flatMap((keyword) => branchesOf({ schema, root }, keyword)),
    ...[schema.items, schema.additionalProperties].filter(isJsonSchema),
    ...Object.values(propertiesOf(schema)),
  ];
  return (
    Object.keys(propertiesOf(schema)).some(isSecretProperty) ||
    parts.some((part) => holdsSecret({ schema: part, root }, depth + 1))
  );
}
