/** The closed set of error codes (gRPC canonical codes) with the HTTP status each maps to. */
export const httpStatusOfCode = {
  invalid_argument: 400,
  failed_precondition: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  already_exists: 409,
  aborted: 409,
  resource_exhausted: 429,
  cancelled: 499,
  internal: 500,
  unknown: 500,
  data_loss: 500,
  unimplemented: 501,
  unavailable: 503,
  deadline_exceeded: 504,
} as const;

export type ErrorCode = keyof typeof httpStatusOfCode;

const brand = Symbol.for('banyan.ServiceError');

export interface ServiceErrorOptions {
  readonly code: ErrorCode;
  /** Specific and stable, snake_case for the platform (`circuit_open`), the declared name for a refusal (`cardDeclined`). */
  readonly reason: string;
  /** HTTP status where it differs from the code's own (413, 415, 402 …). */
  readonly status?: number;
  /** JSON value, sent to the caller: never put internals here. */
  readonly details?: unknown;
  /** True for a refusal that the operation's contract declares: final, and no sign of an unhealthy service. */
  readonly declared?: boolean;
  /** Earliest useful retry, in milliseconds from now; becomes `Retry-After`. */
  readonly retryAfterMs?: number;
  /** True when it is certain that the callee never started the work, so that repeating it is always safe. */
  readonly notStarted?: boolean;
  readonly cause?: unknown;
}

/**
 * The one error class that crosses service boundaries. `message` reaches the caller; `cause` and `stack` never do.
 * Recognise it with {@link isServiceError}, not `instanceof`: two copies of this package still agree on the brand.
 */
export class ServiceError extends Error {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly status: number;
  readonly details: unknown;
  readonly declared: boolean;
  readonly retryAfterMs: number | undefined;
  readonly notStarted: boolean;
  readonly [brand] = true;

  constructor(message: string, options: ServiceErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ServiceError';
    this.code = options.code;
    this.reason = options.reason;
    this.status = options.status ?? httpStatusOfCode[options.code];
    this.details = options.details;
    this.declared = options.declared ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.notStarted = options.notStarted ?? false;
  }
}

export function isServiceError(error: unknown): error is ServiceError {
  return typeof error === 'object' && error !== null && brand in error;
}

/** Any thrown value as a `ServiceError`: itself if it is one, else `internal` with a bare message and the value as cause. */
export function toServiceError(error: unknown): ServiceError {
  if (isServiceError(error)) return error;
  return new ServiceError('The service could not handle the request.', {
    code: 'internal',
    reason: 'unexpected_error',
    cause: error,
  });
}

/** The reasons that one package gives, each with its code and the text that explains it. */
export type ErrorTable<Reason extends string = string> = Readonly<
  Record<Reason, { readonly code: ErrorCode; readonly text: string }>
>;

export interface TableErrorOptions extends Omit<ServiceErrorOptions, 'code' | 'reason'> {
  /** What happened here, instead of the table's text; it reaches the caller. */
  readonly message?: string;
}

/** A function that makes the errors of `table`: the reason decides the code, and the text if no message is given. */
export function createErrorFactory<Reason extends string>(
  table: ErrorTable<Reason>,
): (reason: Reason, options?: TableErrorOptions) => ServiceError {
  return (reason, { message = table[reason].text, ...options } = {}) =>
    new ServiceError(message, { ...options, code: table[reason].code, reason });
}

/** RFC 9457 problem details, with Banyan's stable `code` and `reason`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly details?: unknown;
  readonly declared?: true;
  readonly retryAfterMs?: number;
  readonly notStarted?: true;
  readonly traceId?: string;
}

/** What may be said to a caller about `error`: no stack, no cause. Values that are not `ServiceError`s become a bare `internal`. */
export function toProblem(error: unknown, traceId?: string): Problem {
  const known = toServiceError(error);
  return {
    type: `urn:problem:${known.reason}`,
    title: titleOf(known),
    status: known.status,
    detail: known.message,
    code: known.code,
    reason: known.reason,
    ...(known.details === undefined ? undefined : { details: known.details }),
    ...(known.declared ? { declared: true } : undefined),
    ...(known.retryAfterMs === undefined ? undefined : { retryAfterMs: known.retryAfterMs }),
    ...(known.notStarted ? { notStarted: true } : undefined),
    ...(traceId === undefined ? undefined : { traceId }),
  };
}

/** The inverse of {@link toProblem} at a caller; a body that is no problem document becomes `unknown` with the given status. */
export function fromProblem(body: unknown, status: number): ServiceError {
  if (!isProblem(body)) {
    return new ServiceError(`The service answered ${status} without problem details.`, {
      code: codeOfHttpStatus(status),
      reason: 'unexpected_response',
      status,
    });
  }
  return new ServiceError(body.detail ?? body.title, {
    code: body.code,
    reason: body.reason,
    status: body.status,
    details: body.details,
    ...(body.declared ? { declared: true } : undefined),
    ...(body.retryAfterMs === undefined ? undefined : { retryAfterMs: body.retryAfterMs }),
    ...(body.notStarted ? { notStarted: true } : undefined),
  });
}

/** The code that best names an HTTP status: exact where the table has it, else by class. */
export function codeOfHttpStatus(status: number): ErrorCode {
  switch (status) {
    case 400:
      return 'invalid_argument';
    case 401:
      return 'unauthenticated';
    case 403:
      return 'permission_denied';
    case 404:
    case 410:
      return 'not_found';
    case 409:
      return 'already_exists';
    case 429:
      return 'resource_exhausted';
    case 499:
      return 'cancelled';
    case 501:
      return 'unimplemented';
    case 502:
    case 503:
      return 'unavailable';
    case 504:
      return 'deadline_exceeded';
    default:
      if (status >= 500) return 'internal';
      return status >= 400 ? 'failed_precondition' : 'unknown';
  }
}

function titleOf(error: ServiceError): string {
  const words = error.reason
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function isProblem(body: unknown): body is Problem {
  if (typeof body !== 'object' || body === null) return false;
  const { code, reason, status, title } = body as Partial<Record<keyof Problem, unknown>>;
  return (
    typeof code === 'string' &&
    Object.hasOwn(httpStatusOfCode, code) &&
    typeof reason === 'string' &&
    typeof status === 'number' &&
    typeof title === 'string'
  );
}

/** Reasons that this package gives; docs/reference/errors.md lists them all. */
export const coreErrors = {
  unexpected_error: {
    code: 'internal',
    text: 'Something failed that nobody foresaw. The caller is told nothing more; the log of the service has all of it under the trace id.',
  },
  unexpected_response: {
    code: 'unknown',
    text: 'A service answered with a body that is no problem document; the code is then the one of its HTTP status.',
  },
} as const satisfies ErrorTable;
