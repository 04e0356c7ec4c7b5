import type { StandardIssue, StandardResult, StandardSchema } from '@banyan/contract';

export interface ProbeField {
  readonly type?: 'string' | 'number' | 'boolean' | 'array';
  readonly optional?: true;
  readonly fallback?: unknown;
  readonly maximum?: number;
  readonly trim?: true;
}

/**
 * A Standard Schema for objects with plain fields, so that the suite needs no schema library: unknown fields are stripped,
 * `fallback` is the default, arrays hold strings.
 */
export function probeObject<Value extends object>(
  fields: Readonly<Record<keyof Value & string, ProbeField>>,
): StandardSchema<unknown, Value> {
  const entries = Object.entries<ProbeField>(fields);
  const describe = (optionalOf: (field: ProbeField) => boolean) => () => ({
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, field]) => [name, describeField(field)])),
    required: entries.filter(([, field]) => !optionalOf(field)).map(([name]) => name),
    additionalProperties: false,
  });
  return {
    '~standard': {
      version: 1,
      vendor: 'banyan-probe',
      validate: (value) => validate(entries, value) as StandardResult<Value>,
      jsonSchema: {
        input: describe((field) => field.optional === true || field.fallback !== undefined),
        output: describe((field) => field.optional === true),
      },
    },
  };
}

function describeField({ type, maximum }: ProbeField): Record<string, unknown> {
  return {
    ...(type === undefined ? undefined : { type }),
    ...(type === 'array' ? { items: { type: 'string' } } : undefined),
    ...(maximum === undefined ? undefined : { maximum }),
  };
}

function validate(
  entries: readonly (readonly [string, ProbeField])[],
  value: unknown,
): StandardResult<object> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { issues: [{ message: 'must be an object' }] };
  }
  const issues: StandardIssue[] = [];
  const output: Record<string, unknown> = {};
  for (const [name, field] of entries) {
    const given = (value as Record<string, unknown>)[name] ?? field.fallback;
    if (given === undefined && (field.optional || field.type === undefined)) continue;
    if (fits(field, given)) output[name] = field.trim ? String(given).trim() : given;
    else issues.push({ message: `must be ${field.type}`, path: [name] });
  }
  return issues.length > 0 ? { issues } : { value: output };
}

function fits({ type, maximum }: ProbeField, value: unknown): boolean {
  if (type === undefined) return true;
  if (type === 'array') return Array.isArray(value) && value.every((item) => typeof item === 'string');
  return typeof value === type && (maximum === undefined || Number(value) <= maximum);
}
