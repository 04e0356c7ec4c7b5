import { isServiceError, type Problem, ServiceError } from '@banyan/core';
import { type JsonSchema, toJsonSchema } from './json-schema.ts';
import { longOperationSchema, longReferenceSchema } from './long-operation-schema.ts';
import { type DeclaredErrors, type HttpMethod, type Operation, operation } from './operation.ts';
import type { InputOf, OutputOf, Schema, StandardSchema } from './standard-schema.ts';

export const longStates = ['running', 'cancelling', 'succeeded', 'failed', 'cancelled', 'expired'] as const;
/** `cancelling`: told to end, and undoing what it did. `expired`: it was not done by its deadline. */
export type LongState = (typeof longStates)[number];

/** How an operation that takes its time stands: what its `POST` and its status resource answer with. */
export interface LongStatus<Result = unknown> {
  readonly operationId: string;
  readonly state: LongState;
  /** 0 to 1. */
  readonly progress: number;
  readonly text?: string | undefined;
  /** RFC 3339 UTC, as the others. */
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
  /** When it is expired unless it has ended. */
  readonly deadlineAt?: string | undefined;
  /** Until when an outcome can be read. */
  readonly keptUntil?: string | undefined;
  /** What came of it. */
  readonly result?: Result | undefined;
  /** Why nothing came of it. */
  readonly error?: Problem | undefined;
}

export type LongSchema<Output extends Schema> = StandardSchema<
  LongStatus<InputOf<Output>>,
  LongStatus<OutputOf<Output>>
>;

/** Which of the three operations of a long one. */
export interface LongPart<Part extends string = 'start' | 'status' | 'cancel'> {
  readonly part: Part;
  /** Name of the one that starts it. */
  readonly of: string;
}

/** Names a started operation. `prefer` is the header of RFC 7240: `wait=20` has the answer wait until it has ended, at most so many seconds. */
export interface LongReference {
  readonly operationId: string;
  readonly prefer?: string | undefined;
}

type UnknownOperation = { readonly unknownOperation: { readonly status: 404; readonly description: string } };
type Follow<Output extends Schema, Part extends string> = Operation<
  StandardSchema<LongReference>,
  LongSchema<Output>,
  UnknownOperation
> & { readonly long: LongPart<Part> };

/** What a long operation adds to its contract: `importPhotos`, `importPhotosStatus` and `cancelImportPhotos`. */
export type LongOperations<
  Name extends string,
  Input extends Schema,
  Output extends Schema,
  Errors extends DeclaredErrors,
> = {
  readonly [Key in Name]: Operation<Input, LongSchema<Output>, Errors> & { readonly long: LongPart<'start'> };
} & { readonly [Key in `${Name}Status`]: Follow<Output, 'status'> } & {
  readonly [Key in `cancel${Capitalize<Name>}`]: Follow<Output, 'cancel'>;
};

export interface LongOperationOptions<
  Input extends Schema,
  Output extends Schema,
  Errors extends DeclaredErrors,
> {
  readonly input: Input;
  /** What comes of it in the end. */
  readonly output: Output;
  /** Refusals at once, before anything is started. Later ones are in the status. */
  readonly errors?: Errors;
  /** Path of the status resources, without their id. Default: the path of the operation, and `/operations`. */
  readonly statusPath?: `/${string}`;
  readonly summary?: string;
  readonly description?: string;
}

/**
 * Declares an operation that may take minutes or days, to be spread into a contract's `operations`:
 * `...longOperation('importPhotos', 'POST /imports', { input, output })`.
 *
 * It answers 202 at once with its status, and `Location` says where the status is found; `GET` there tells how far it is and what came of it, `DELETE` has
 * it cancelled. They are operations of the contract as any other: exposed, documented, called and authorised the same way.
 * @throws TypeError, with the fix in the text
 */
export function longOperation<
  const Name extends string,
  Input extends Schema,
  Output extends Schema,
  // biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of errors.
  Errors extends DeclaredErrors = {},
>(
  name: Name,
  route: `${Extract<HttpMethod, 'POST' | 'PUT'>} /${string}`,
  options: LongOperationOptions<Input, Output, Errors>,
): LongOperations<Name, Input, Output, Errors> {
  const { input, output, errors, summary, description } = options;
  const path = route.slice(route.indexOf(' ') + 1);
  const statusPath = options.statusPath ?? `${path}/operations`;
  if (statusPath.includes(':')) {
    throw new TypeError(
      `longOperation('${name}'): name a 'statusPath' without ':', such as '/imports/operations'.`,
    );
  }
  const status = longOperationSchema(output, (direction) => describe(output, direction));
  const about = { ...(summary && { summary }), ...(description && { description }) };
  const start = operation(route, {
    ...{ input, output: status, status: 202, location: `${statusPath}/{operationId}`, ...about },
    ...(errors === undefined ? undefined : { errors }),
    // The same key is the same operation.
    idempotent: false,
  });
  const unknownOperation = {
    status: 404,
    description: 'There is no such operation, or it is not yours.',
  } as const;
  const reference = { input: longReferenceSchema, output: status, errors: { unknownOperation } };
  const follow = operation(`GET ${statusPath as `/${string}`}/:operationId`, {
    ...{ ...reference, headers: { prefer: 'prefer' }, timeoutMs: 60_000 },
    summary: `How '${name}' stands`,
  });
  const cancel = operation(`DELETE ${statusPath as `/${string}`}/:operationId`, {
    ...{ ...reference, headers: { prefer: 'prefer' }, timeoutMs: 60_000 },
    summary: `Cancel '${name}'`,
  });
  const long = <Part extends string>(part: Part) => ({ long: { part, of: name } });
  return {
    [name]: { ...start, ...long('start') },
    [`${name}Status`]: { ...follow, ...long('status') },
    [`cancel${name.slice(0, 1).toUpperCase()}${name.slice(1)}`]: { ...cancel, ...long('cancel') },
  } as unknown as LongOperations<Name, Input, Output, Errors>;
}

/** True once nothing more comes of it. */
export function isLongEnded({ state }: Pick<LongStatus, 'state'>): boolean {
  return state !== 'running' && state !== 'cancelling';
}

/** Seconds after which to ask again; undefined if the output is no status of a long operation, or has ended. */
export function retryAfterOf({ long }: Operation, output: unknown): number | undefined {
  return long === undefined || isLongEnded(output as LongStatus) ? undefined : 1;
}

/** The result, or what it failed with. @throws ServiceError */
export function resultOf<Result>(status: LongStatus<Result>): Result {
  const { state, result, error } = status;
  if (state === 'succeeded') return result as Result;
  const {
    code = 'failed_precondition',
    reason = 'operation_failed',
    detail,
    details,
    declared,
  } = error ?? {};
  const told = { code, reason, details, ...(declared ? { declared } : undefined) };
  throw new ServiceError(detail ?? `The operation is ${state}.`, told);
}

function describe(output: Schema, direction: 'input' | 'output'): JsonSchema {
  try {
    return toJsonSchema(output, direction);
  } catch (cause) {
    if (isServiceError(cause)) throw cause;
    throw new TypeError(`output: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
