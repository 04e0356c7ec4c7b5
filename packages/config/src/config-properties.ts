import {
  branchesOf as branchesBelow,
  isJsonSchema,
  type JsonSchema,
  resolveReference,
  type Schema,
  toJsonSchema,
} from '@banyan/contract';
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

/** Follows `$ref` into the definitions; any other is left to be found invalid. */
export function resolve({ schema, root }: RootedSchema): JsonSchema {
  return resolveReference(schema, definitionsOf(root));
}

/** The sub-schemas of `keyword` (`anyOf`, `oneOf`, `allOf`, `prefixItems`). */
export function branchesOf({ schema, root }: RootedSchema, keyword: string): readonly JsonSchema[] {
  return branchesBelow(schema, keyword, definitionsOf(root));
}

/** All of the document that travels with a property: `#` would be another place than it says. */
function definitionsOf({ $defs, definitions }: JsonSchema): JsonSchema {
  return { $defs, definitions };
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
