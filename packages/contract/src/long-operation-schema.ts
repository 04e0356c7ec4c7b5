import type { JsonSchema } from './json-schema.ts';
import type { LongReference, LongSchema, LongStatus } from './long-operation.ts';
import type { Schema, StandardIssue, StandardResult, StandardSchema } from './standard-schema.ts';

const draft = 'https://json-schema.org/draft/2020-12/schema';
const time = { type: 'string', format: 'date-time' } as const;
const fields = {
  operationId: { type: 'string' },
  state: { type: 'string', enum: ['running', 'cancelling', 'succeeded', 'failed', 'cancelled', 'expired'] },
  progress: { type: 'number', minimum: 0, maximum: 1 },
  text: { type: 'string', description: 'What it is doing.' },
  startedAt: time,
  endedAt: time,
  deadlineAt: { ...time, description: 'When it is expired unless it has ended.' },
  keptUntil: { ...time, description: 'Until when the outcome can be read.' },
  error: { type: 'object', description: 'Problem details (RFC 9457): why nothing came of it.' },
} as const satisfies Record<string, JsonSchema>;
const required = ['operationId', 'state', 'progress', 'startedAt'] as const;

/** Written by hand, so that the platform needs no schema library; the result is validated by its own schema. */
export function longOperationSchema<Output extends Schema>(
  output: Output,
  describeResult: (direction: 'input' | 'output') => JsonSchema,
): LongSchema<Output> {
  const describe = (direction: 'input' | 'output') => {
    const { $defs, $schema: _schema, ...result } = describeResult(direction);
    return {
      ...{ $schema: draft, type: 'object', properties: { ...fields, result }, required },
      ...($defs === undefined ? undefined : { $defs }),
    };
  };
  return {
    '~standard': {
      version: 1,
      vendor: 'banyan',
      validate: (value) => validateStatus(output, value) as StandardResult<never>,
      jsonSchema: { input: () => describe('input'), output: () => describe('output') },
    },
  };
}

function validateStatus(
  output: Schema,
  value: unknown,
): StandardResult<LongStatus> | Promise<StandardResult<LongStatus>> {
  const given = (value ?? {}) as Record<string, unknown>;
  const known = Object.entries(fields).flatMap(([name]) =>
    given[name] === undefined ? [] : [[name, given[name]]],
  );
  const status = Object.fromEntries(known) as unknown as LongStatus;
  const issues = Object.entries(fields).flatMap(([name, field]) => issuesOf(name, given[name], field));
  if (issues.length > 0) return { issues };
  if (given['state'] !== 'succeeded') return { value: status };
  const checked = output['~standard'].validate(given['result']);
  const finish = (found: StandardResult<unknown>): StandardResult<LongStatus> =>
    found.issues === undefined
      ? { value: { ...status, result: found.value } }
      : { issues: found.issues.map((issue) => ({ ...issue, path: ['result', ...(issue.path ?? [])] })) };
  return checked instanceof Promise ? checked.then(finish) : finish(checked);
}

function issuesOf(name: string, value: unknown, field: JsonSchema): readonly StandardIssue[] {
  if (value === undefined) {
    return (required as readonly string[]).includes(name) ? [{ message: 'is missing', path: [name] }] : [];
  }
  const isRight =
    field.type === 'object'
      ? typeof value === 'object' && value !== null
      : typeof value === field.type && (!Array.isArray(field.enum) || field.enum.includes(value));
  return isRight ? [] : [{ message: `is no ${String(field.type)} that fits`, path: [name] }];
}

/** Names a started operation. */
export const longReferenceSchema: StandardSchema<LongReference> = {
  '~standard': {
    version: 1,
    vendor: 'banyan',
    validate(value) {
      const { operationId, prefer } = (value ?? {}) as Record<string, unknown>;
      if (typeof operationId !== 'string' || operationId.length > 100) {
        return { issues: [{ message: 'is no id', path: ['operationId'] }] };
      }
      return { value: { operationId, ...(typeof prefer === 'string' ? { prefer } : undefined) } };
    },
    jsonSchema: { input: describeReference, output: describeReference },
  },
};

function describeReference() {
  return {
    ...{ $schema: draft, type: 'object', required: ['operationId'], additionalProperties: false },
    properties: {
      operationId: { type: 'string' },
      prefer: {
        type: 'string',
        description: '`wait=20`: answer when it has ended, at most so many seconds later (RFC 7240).',
      },
    },
  };
}
