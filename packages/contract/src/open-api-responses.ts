import { httpStatusOfCode } from '@banyan/core';
import { isBinary } from './binary.ts';
import type { DocumentSchemas } from './document-schemas.ts';
import { type JsonSchema, toJsonSchema } from './json-schema.ts';
import { contentOf, jsonOnly, type MediaTypes } from './media-types.ts';
import type { DeclaredError, Operation } from './operation.ts';

/** Problem details (RFC 9457) as every error answer carries them. */
export const problemSchema: JsonSchema = {
  type: 'object',
  description: 'Problem details (RFC 9457) with a closed `code` and a stable `reason`.',
  required: ['type', 'title', 'status', 'code', 'reason'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(httpStatusOfCode) },
    reason: { type: 'string', description: 'Names the cause; programs decide by it.' },
    details: { description: 'Data that goes with the reason.' },
    declared: {
      type: 'boolean',
      description: 'True for a refusal that the operation declares; repeating is of no use.',
    },
    retryAfterMs: { type: 'number', description: 'Earliest useful retry, in milliseconds.' },
    notStarted: { type: 'boolean', description: 'True if the work was certainly not begun.' },
    traceId: { type: 'string' },
  },
};

const anyProblem = { $ref: '#/components/schemas/Problem' };

const shared = {
  InvalidInput: 'The request does not match the contract; `details.issues` says where.',
  Unauthenticated: 'The bearer token is missing, wrong or expired.',
  NotAcceptable: 'The request takes none of the media types that there are; `details.available` lists them.',
  TooLarge: 'The upload is larger than the operation takes.',
  UnsupportedType: 'The upload has a media type that the operation does not take.',
  Unexpected: 'The operation was not done, or its outcome is unknown.',
} as const;
type SharedResponse = keyof typeof shared;

/** The platform's own answers that these operations may give. */
export function sharedResponses(
  documented: readonly {
    readonly operation: Operation;
    readonly secured?: boolean;
    readonly mediaTypes?: MediaTypes;
  }[],
): Readonly<Record<string, object>> {
  const used = new Set<SharedResponse>();
  const types = new Set(documented.flatMap(({ mediaTypes = jsonOnly }) => mediaTypes.problems));
  for (const { operation, secured, mediaTypes } of documented) {
    for (const [status, name] of platformResponses(operation, { secured, mediaTypes })) {
      if (declaredAt(operation, status).length === 0) used.add(name);
    }
  }
  return Object.fromEntries(
    [...used].map((name) => [name, problemResponse(shared[name], anyProblem, [...types])]),
  );
}

export function openApiResponses(
  operation: Operation,
  {
    secured,
    schemas,
    mediaTypes,
  }: {
    readonly secured: boolean;
    readonly schemas: DocumentSchemas;
    readonly mediaTypes: MediaTypes | undefined;
  },
): Readonly<Record<string, object>> {
  const { answers, problems } = mediaTypes ?? jsonOnly;
  const responses: Record<string, object> = { [operation.status]: successOf(operation, schemas, answers) };
  for (const [status, name] of platformResponses(operation, { secured, mediaTypes })) {
    responses[status] = { $ref: `#/components/responses/${name}` };
  }
  for (const status of new Set(Object.values(operation.errors).map((error) => error.status))) {
    const declared = declaredAt(operation, String(status));
    const refusals = declared.map(([name, error]) => refusalOf(operation, { name, error }, schemas));
    // Where the platform has an answer of the same status, either may come.
    const all = responses[status] === undefined ? refusals : [...refusals, anyProblem];
    const [first = anyProblem] = all;
    const text = declared.map(
      ([name, { description }]) => `\`${name}\`${description === undefined ? '' : `: ${description}`}`,
    );
    responses[status] = problemResponse(
      text.join('\n\n'),
      all.length === 1 ? first : { anyOf: all },
      problems,
    );
  }
  return responses;
}

function platformResponses(
  operation: Operation,
  {
    secured,
    mediaTypes,
  }: { readonly secured: boolean | undefined; readonly mediaTypes: MediaTypes | undefined },
): readonly (readonly [string, SharedResponse])[] {
  return [
    ['400', 'InvalidInput'],
    ...(secured === true ? [['401', 'Unauthenticated'] as const] : []),
    ...(mediaTypes === undefined ? [] : [['406', 'NotAcceptable'] as const]),
    ...(operation.upload === undefined
      ? []
      : [['413', 'TooLarge'] as const, ['415', 'UnsupportedType'] as const]),
    ['default', 'Unexpected'],
  ];
}

function declaredAt(operation: Operation, status: string): readonly (readonly [string, DeclaredError])[] {
  return Object.entries(operation.errors).filter(([, error]) => String(error.status) === status);
}

function successOf(operation: Operation, schemas: DocumentSchemas, answers: readonly string[]): object {
  const { output, status, location, service, name, long } = operation;
  const header = {
    Location: {
      description: `Where ${long === undefined ? 'the result' : 'its status'} is found: ${location}.`,
      schema: { type: 'string', format: 'uri-reference' },
    },
  };
  const again = {
    'Retry-After': {
      description: 'Seconds after which to ask again, until it has ended.',
      schema: { type: 'integer' },
    },
  };
  const sent = {
    ...(location === undefined ? undefined : header),
    ...(long === undefined ? undefined : again),
  };
  const headers = Object.keys(sent).length === 0 ? undefined : { headers: sent };
  if (status === 204) return { description: 'Done.', ...headers };
  if (isBinary(output)) {
    return { description: 'The bytes.', content: Object.fromEntries(output.types.map((type) => [type, {}])) };
  }
  const schema = schemas.add(toJsonSchema(output, 'output'), { service, name: `${name}.output` });
  const description = long === undefined ? 'Done.' : long.part === 'start' ? 'Started.' : 'How it stands.';
  return { description, ...headers, content: contentOf(answers, schema) };
}

function refusalOf(
  operation: Operation,
  { name, error }: { readonly name: string; readonly error: DeclaredError },
  schemas: DocumentSchemas,
): JsonSchema {
  const owner = { service: operation.service, name: `${operation.name}.${name}` };
  const details =
    error.data === undefined ? undefined : schemas.add(toJsonSchema(error.data, 'output'), owner);
  return {
    allOf: [
      anyProblem,
      {
        type: 'object',
        required: details === undefined ? ['reason', 'declared'] : ['reason', 'declared', 'details'],
        properties: {
          reason: { type: 'string', const: name },
          declared: { type: 'boolean', const: true },
          ...(details === undefined ? undefined : { details }),
        },
      },
    ],
  };
}

function problemResponse(description: string, schema: JsonSchema, types: readonly string[]): object {
  return { description, content: contentOf(types, schema) };
}
