import { type Binary, isBinary } from './binary.ts';
import { checkOperation } from './check-operation.ts';
import type { LongPart } from './long-operation.ts';
import type { Schema } from './standard-schema.ts';

export const httpMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type HttpMethod = (typeof httpMethods)[number];

/** A refusal that an operation declares: final for the caller, typed, and no sign of an unhealthy service. */
export interface DeclaredError {
  /** HTTP status, 400–499. */
  readonly status: number;
  /** Schema of the data that travels with the refusal. */
  readonly data?: Schema;
  readonly description?: string;
}
export type DeclaredErrors = Readonly<Record<string, DeclaredError>>;

/**
 * Which instance of the service a call goes to. `least_requests`: of two random ones the one with fewer calls in flight. `round_robin`:
 * in turn. `user`, `{ field }`: calls of the same user, or with the same value of an input field, to the same instance as long as it
 * does not have more than its share, so that what it remembers is of use (consistent hash). Nobody may rely on it: instances come and go.
 */
export type Balance = 'least_requests' | 'round_robin' | 'user' | { readonly field: string };

export interface OperationOptions<
  Input extends Schema,
  Output extends Schema | Binary,
  Errors extends DeclaredErrors,
> {
  /**
   * An object schema. Names in the URI template come from the path, those in `headers` from request headers, the rest from the query
   * (GET, DELETE) or the JSON body.
   */
  readonly input: Input;
  /**
   * Input fields that are request headers over HTTP, such as `{ accept: 'accept', ifNoneMatch: 'if-none-match' }`: for what HTTP itself
   * defines (negotiation, conditions, preferences). An optional string each; a caller within the system passes them like any field.
   * `banyan-client` is the client's address, as the gateway sees it.
   */
  readonly headers?: Readonly<Record<string, string>>;
  readonly output: Output;
  readonly errors?: Errors;
  /** HTTP status of success. Default 200; 201 when `location` is given. */
  readonly status?: 200 | 201 | 202 | 204 | 303;
  /** URI template over the output's fields for the `Location` header, such as `/orders/{orderId}`. */
  readonly location?: string;
  /** The request body is this stream instead of JSON; the input then comes from path and query alone. */
  readonly upload?: Binary;
  /**
   * True if repeating the call with the same input (or idempotency key) has the effect of one call, so that the platform may
   * retry it. Default: true for GET, PUT and DELETE, false for POST and PATCH.
   */
  readonly idempotent?: boolean;
  /** How callers choose among several instances. Default `least_requests`. */
  readonly balance?: Balance;
  /**
   * When an answer takes longer than 95 % of the last ones did, another instance is asked too, within the caller's retry budget; the first answer wins,
   * and the other call is cancelled. For idempotent JSON operations whose tail matters and that cost little. Default false.
   */
  readonly hedge?: boolean;
  /** Longest time that a caller waits, in milliseconds. Default 10,000. A caller's own earlier deadline always wins. */
  readonly timeoutMs?: number;
  readonly summary?: string;
  readonly description?: string;
}

/** One operation of a contract: an HTTP resource and a typed call. */
export interface Operation<
  Input extends Schema = Schema,
  Output extends Schema | Binary = Schema | Binary,
  Errors extends DeclaredErrors = DeclaredErrors,
> {
  readonly kind: 'operation';
  /** Name of the owning contract; empty until `contract()` adopts the operation. */
  readonly service: string;
  /** Key in the contract's `operations`; empty until `contract()` adopts the operation. */
  readonly name: string;
  readonly method: HttpMethod;
  /** Path with `:name` segments, such as `/payments/:paymentId`. */
  readonly path: string;
  /** Names of the path's `:name` segments, in order. */
  readonly pathNames: readonly string[];
  /** Header name by input field. */
  readonly headers: Readonly<Record<string, string>>;
  readonly input: Input;
  readonly output: Output;
  readonly errors: Errors;
  readonly status: 200 | 201 | 202 | 204 | 303;
  readonly location: string | undefined;
  readonly upload: Binary | undefined;
  readonly idempotent: boolean;
  readonly balance: Balance;
  readonly hedge: boolean;
  readonly timeoutMs: number;
  readonly summary: string | undefined;
  readonly description: string | undefined;
  /** It takes its time, or follows one that does. */
  readonly long?: LongPart;
}

const idempotentMethods: readonly HttpMethod[] = ['GET', 'PUT', 'DELETE'];

/**
 * Declares an operation: `operation('POST /payments', { input, output, errors })`.
 * @throws TypeError, with the fix in the text, if the declaration contradicts itself
 */
export function operation<
  Input extends Schema,
  Output extends Schema | Binary,
  // biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of errors; `Record<string, never>` would be every name.
  Errors extends DeclaredErrors = {},
>(
  route: `${HttpMethod} /${string}`,
  options: OperationOptions<Input, Output, Errors>,
): Operation<Input, Output, Errors> {
  const { method, path, pathNames } = parseRoute(route);
  const declared: Operation<Input, Output, Errors> = {
    kind: 'operation',
    service: '',
    name: '',
    method,
    path,
    pathNames,
    headers: options.headers ?? {},
    input: options.input,
    output: options.output,
    errors: options.errors ?? ({} as Errors),
    status: options.status ?? (options.location === undefined ? 200 : 201),
    location: options.location,
    upload: options.upload,
    idempotent: options.idempotent ?? idempotentMethods.includes(method),
    balance: options.balance ?? 'least_requests',
    hedge: options.hedge ?? false,
    timeoutMs: options.timeoutMs ?? 10_000,
    summary: options.summary,
    description: options.description,
  };
  checkOperation(declared);
  return declared;
}

/** True if the operation's request or response is a byte stream instead of JSON. */
export function isStreaming(candidate: Operation): boolean {
  return candidate.upload !== undefined || isBinary(candidate.output);
}

function parseRoute(route: string): {
  method: HttpMethod;
  path: string;
  pathNames: readonly string[];
} {
  const [method, path, ...rest] = route.split(' ');
  if (!httpMethods.includes(method as HttpMethod) || !path?.startsWith('/') || rest.length > 0) {
    throw new TypeError(
      `operation('${route}'): write it as 'METHOD /path', METHOD one of ${httpMethods.join(', ')}.`,
    );
  }
  const pathNames: string[] = [];
  for (const segment of path.slice(1).split('/')) {
    if (segment.startsWith(':')) pathNames.push(segment.slice(1));
  }
  return { method: method as HttpMethod, path, pathNames };
}
