import { branchesOf, isJsonSchema, type JsonSchema, resolveReference } from './json-schema.ts';

/** One property of an object schema, seen through references, unions and intersections. */
export interface ObjectField {
  /** True if every value of the schema has it. */
  readonly required: boolean;
  /** The schemas that the property may follow, one per branch that names it. */
  readonly schemas: readonly JsonSchema[];
}

export interface ObjectFields {
  readonly fields: ReadonlyMap<string, ObjectField>;
  /** True if the schema keeps properties that it does not name. */
  readonly open: boolean;
}

/** The properties of an object schema; undefined if values other than objects match it too. */
export function objectFields(schema: JsonSchema, root: JsonSchema = schema): ObjectFields | undefined {
  return collect(schema, root, 0);
}

function collect(reference: JsonSchema, root: JsonSchema, depth: number): ObjectFields | undefined {
  // A schema that contains itself as a branch is a circle.
  if (depth > 16) return undefined;
  const schema = resolveReference(reference, root);
  const below = (keyword: string) =>
    branchesOf(schema, keyword, root).map((branch) => collect(branch, root, depth + 1));
  const parts = below('allOf').filter((part) => part !== undefined);
  for (const keyword of ['anyOf', 'oneOf']) {
    const branches = below(keyword);
    if (branches.length === 0) continue;
    if (branches.some((branch) => branch === undefined)) continue;
    parts.push(eitherOf(branches.filter((branch) => branch !== undefined)));
  }
  if (schema.type === 'object') parts.push(ownFields(schema));
  return parts.length === 0 ? undefined : allOf(parts);
}

function ownFields(schema: JsonSchema): ObjectFields {
  const required = Array.isArray(schema.required) ? schema.required : [];
  const fields = new Map<string, ObjectField>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    fields.set(name, {
      required: required.includes(name),
      schemas: isJsonSchema(property) ? [property] : [{}],
    });
  }
  const rest = schema.additionalProperties;
  return { fields, open: rest !== undefined && rest !== false };
}

function allOf(parts: readonly ObjectFields[]): ObjectFields {
  return merge(parts, (holders) => holders.some((field) => field.required));
}

function eitherOf(parts: readonly ObjectFields[]): ObjectFields {
  return merge(
    parts,
    (holders) => holders.length === parts.length && holders.every((field) => field.required),
  );
}

function merge(
  parts: readonly ObjectFields[],
  isRequired: (holders: readonly ObjectField[]) => boolean,
): ObjectFields {
  const fields = new Map<string, ObjectField>();
  for (const name of new Set(parts.flatMap((part) => [...part.fields.keys()]))) {
    const holders = parts.map((part) => part.fields.get(name)).filter((field) => field !== undefined);
    fields.set(name, {
      required: isRequired(holders),
      schemas: holders.flatMap((field) => field.schemas),
    });
  }
  return { fields, open: parts.some((part) => part.open) };
}
