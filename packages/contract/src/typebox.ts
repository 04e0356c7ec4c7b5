import type { JsonSchema } from './json-schema.ts';
import type { StandardIssue, StandardResult, StandardSchema } from './standard-schema.ts';
import { jsonSchemaOfTypeBox, ownOf } from './typebox-json-schema.ts';

/** What `Compile(...)` of `typebox/compile` returns, as far as a contract needs it. */
export interface TypeBoxValidator {
  Type(): unknown;
  Check(value: unknown): boolean;
  Errors(value: unknown): readonly { readonly instancePath: string; readonly message: string }[];
  Clean(value: unknown): unknown;
  Default(value: unknown): unknown;
  Parse(value: unknown): unknown;
  Decode(value: unknown): unknown;
}

/** A TypeBox type as a Standard Schema. */
export interface TypeBoxSchema<Validator extends TypeBoxValidator>
  extends StandardSchema<ReturnType<Validator['Parse']>, ReturnType<Validator['Decode']>> {
  readonly validator: Validator;
}

const validators = new WeakMap<object, TypeBoxValidator>();

/**
 * Makes a TypeBox type usable in a contract: `typebox(Compile(Type.Object({ sku: Type.String() })))`.
 *
 * Defaults are filled in, then the type decides (`additionalProperties: false` refuses unknown properties), then unknown
 * properties are stripped unless the type allows them, then codecs decode. Nothing is coerced, properties named `__proto__`
 * are dropped, and the value handed in is not changed.
 */
export function typebox<Validator extends TypeBoxValidator>(validator: Validator): TypeBoxSchema<Validator> {
  const type = validator.Type() as JsonSchema;
  let described: JsonSchema | undefined;
  const describe = () => {
    described ??= jsonSchemaOfTypeBox(type);
    return described;
  };
  const schema: TypeBoxSchema<Validator> = {
    validator,
    '~standard': {
      version: 1,
      vendor: 'typebox',
      validate: createValidate(validator, type),
      jsonSchema: { input: describe, output: describe },
    },
  };
  validators.set(schema, validator);
  return schema;
}

/** The validator behind a schema that `typebox()` made. */
export function typeBoxValidatorOf(schema: object): TypeBoxValidator | undefined {
  return validators.get(schema);
}

function createValidate<Validator extends TypeBoxValidator>(
  validator: Validator,
  type: JsonSchema,
): (value: unknown) => StandardResult<ReturnType<Validator['Decode']>> {
  let decodes: boolean | undefined;
  return (value) => {
    const filled = validator.Default(copyOf(value));
    if (!validator.Check(filled)) return { issues: validator.Errors(filled).map(toIssue) };
    const cleaned = validator.Clean(filled);
    decodes ??= hasCodec(type, new Set());
    return { value: (decodes ? validator.Decode(cleaned) : cleaned) as ReturnType<Validator['Decode']> };
  };
}

function toIssue({ instancePath, message }: { instancePath: string; message: string }): StandardIssue {
  const tokens = instancePath.split('/').slice(1);
  return { message, path: tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~')) };
}

/** Codecs hide in a property that is not enumerable. */
function hasCodec(part: unknown, seen: Set<unknown>): boolean {
  if (typeof part !== 'object' || part === null || seen.has(part)) return false;
  seen.add(part);
  if (ownOf(part, '~codec') !== undefined) return true;
  return Object.values(part).some((below) => hasCodec(below, seen));
}

/**
 * A deep copy of own properties, because TypeBox changes what it cleans. `__proto__` is left out, because TypeBox assigns.
 * Whatever is no array becomes a plain object, as on its way through JSON.
 */
export function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return Array.from(value, copyOf);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const name of Object.getOwnPropertyNames(value)) {
    if (name !== '__proto__') copy[name] = copyOf((value as Record<string, unknown>)[name]);
  }
  return copy;
}
