import { branchesOf, isJsonSchema, type JsonSchema, piecesOf, resolveReference } from './json-schema.ts';

/** Deeper values are empty. */
const maxDepth = 6;

/** A value to begin with, that looks like `schema`: its examples, defaults and constants where there are any, required fields only. It need not be valid. */
export function exampleOf(schema: JsonSchema, root: JsonSchema = schema): unknown {
  return exampleAt(schema, root, 0);
}

function exampleAt(reference: JsonSchema, root: JsonSchema, depth: number): unknown {
  const schema = resolveReference(reference, root);
  const named = [first(schema['examples']), schema.default, schema.const, first(schema.enum)];
  const given = named.find((value) => value !== undefined);
  if (given !== undefined || depth > maxDepth) return given ?? null;
  const [choice] = ['anyOf', 'oneOf'].flatMap((keyword) => branchesOf(schema, keyword, root));
  if (choice !== undefined) return exampleAt(choice, root, depth + 1);
  const pieces = piecesOf(schema, root);
  const [type] = pieces.flatMap((piece) => piece.type ?? []);
  switch (String(type)) {
    case 'object':
      return Object.fromEntries(
        pieces.flatMap((piece) =>
          requiredOf(piece).map(([name, field]) => [name, exampleAt(field, root, depth + 1)]),
        ),
      );
    case 'array':
      return isJsonSchema(schema.items) && depth < maxDepth ? [exampleAt(schema.items, root, depth + 1)] : [];
    case 'integer':
    case 'number':
      return exampleNumber(schema);
    case 'boolean':
      return true;
    case 'string':
      return exampleText(schema);
    default:
      return null;
  }
}

function requiredOf({ required, properties }: JsonSchema): readonly (readonly [string, JsonSchema])[] {
  if (!isJsonSchema(properties) || !Array.isArray(required)) return [];
  return Object.entries(properties).flatMap(([name, field]) =>
    required.includes(name) ? [[name, isJsonSchema(field) ? field : {}] as const] : [],
  );
}

function first(values: unknown): unknown {
  return Array.isArray(values) ? values[0] : undefined;
}

function exampleNumber({ minimum }: JsonSchema): number {
  // Libraries describe "any safe integer" with the least one, which looks like nothing that is meant.
  return typeof minimum === 'number' && minimum > Number.MIN_SAFE_INTEGER ? minimum : 1;
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
