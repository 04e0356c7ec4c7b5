import type { Schema } from '@banyan/contract';
import { configProperties } from './config-properties.ts';
import { expectedType } from './expected-type.ts';

/** One variable for the documentation. */
export interface ConfigRow {
  readonly variable: string;
  readonly property: string;
  /** In words: `a whole number from 1 to 100`. */
  readonly type: string;
  readonly required: boolean;
  /** As it would stand in the environment; undefined without one and for secrets. */
  readonly default: string | undefined;
  readonly description: string | undefined;
  readonly secret: boolean;
}

/**
 * The variables of a service, in the order of its schema.
 * @throws TypeError as `readConfig`
 */
export function describeConfig(service: string, schema: Schema): readonly ConfigRow[] {
  return configProperties(service, schema).map((property) => ({
    variable: property.variable,
    property: property.name,
    type: expectedType({ schema: property.schema, root: property.schema }),
    required: property.required,
    default: property.secret ? undefined : textOf(property.schema.default),
    description:
      typeof property.schema['description'] === 'string' ? property.schema['description'] : undefined,
    secret: property.secret,
  }));
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  const isPlain = (entry: unknown) =>
    typeof entry === 'string' ? /^[^,[\]\s]+$/.test(entry) : typeof entry !== 'object';
  return Array.isArray(value) && value.length > 0 && value.every(isPlain)
    ? value.join(',')
    : JSON.stringify(value);
}
