import { type Contract, type JsonSchema, resolveReference, toJsonSchema } from '@banyan/contract';

/** An input of each operation of a contract, by its name: to begin with, not to succeed with. */
export function examplesOf(contract: Contract): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.values(contract.operations).map(({ name, input }) => {
      const schema = toJsonSchema(input, 'input');
      return [name, exampleOf(schema, { root: schema, depth: 0 })];
    }),
  );
}

interface Place {
  readonly root: JsonSchema;
  readonly depth: number;
}

const texts: Readonly<Record<string, string>> = {
  'date-time': '2026-11-21T08:00:00Z',
  date: '2026-11-21',
  email: 'ada@example.org',
  uri: 'https://example.org/',
  uuid: '01939b1e-0000-7000-8000-000000000000',
};
const deepest = 6;

/** What the schema names as an example, else the plainest value that looks like one. Optional fields are left out. */
function exampleOf(given: JsonSchema, { root, depth }: Place): unknown {
  const schema = resolveReference(given, root) as Readonly<Record<string, unknown>>;
  const [named] = [
    schema['const'],
    ...((schema['examples'] as readonly unknown[] | undefined) ?? []),
    schema['default'],
    ...((schema['enum'] as readonly unknown[] | undefined) ?? []),
  ].filter((each) => each !== undefined);
  if (named !== undefined || depth > deepest) return named ?? null;
  const inner = { root, depth: depth + 1 };
  const [choice] = (schema['anyOf'] ?? schema['oneOf'] ?? []) as readonly JsonSchema[];
  if (choice !== undefined) return exampleOf(choice, inner);
  switch (schema['type']) {
    case 'object': {
      const properties = (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>;
      const required = (schema['required'] ?? []) as readonly string[];
      return Object.fromEntries(required.map((name) => [name, exampleOf(properties[name] ?? {}, inner)]));
    }
    case 'array':
      return Number(schema['minItems'] ?? 0) > 0
        ? [exampleOf((schema['items'] ?? {}) as JsonSchema, inner)]
        : [];
    case 'integer':
    case 'number':
      return schema['minimum'] ?? 1;
    case 'boolean':
      return false;
    case 'string':
      return texts[String(schema['format'])] ?? 'text'.padEnd(Number(schema['minLength'] ?? 0), 't');
    default:
      return null;
  }
}
