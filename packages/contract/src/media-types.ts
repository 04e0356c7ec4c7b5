import type { JsonSchema } from './json-schema.ts';

/** Media types of one operation, in both directions. Plain text is documented as a text, the others by the schema of the JSON. */
export interface MediaTypes {
  readonly answers: readonly string[];
  readonly bodies: readonly string[];
  readonly problems: readonly string[];
}

export const jsonOnly: MediaTypes = {
  answers: ['application/json'],
  bodies: ['application/json'],
  problems: ['application/problem+json'],
};

/** One value in each of its formats. */
export function contentOf(
  mediaTypes: readonly string[],
  schema: JsonSchema,
): Readonly<Record<string, object>> {
  return Object.fromEntries(
    mediaTypes.map((type) => [type, { schema: type === 'text/plain' ? { type: 'string' } : schema }]),
  );
}
