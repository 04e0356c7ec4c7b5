import { createHttpBinding, type Operation } from '@banyan/contract';
import { type CallContext, codeOfHttpStatus, ServiceError } from '@banyan/core';
import { formatTraceparent } from '@banyan/telemetry';
import { sidecarReason } from './errors.ts';

/** What the plain service is told of a request, in headers. All that a caller sent as such is left behind: the request is made anew. */
export const plainHeaders = {
  service: 'banyan-caller',
  /** Percent-encoded, as header values are ASCII. */
  user: 'banyan-user-id',
  scopes: 'banyan-user-scopes',
  deadline: 'banyan-deadline-ms',
  context: 'banyan-context',
} as const;

/** One request to the plain service. */
export interface PlainRequest {
  readonly upstream: string;
  readonly operation: Operation;
  readonly input: unknown;
  readonly context: CallContext;
  /** Name of the request; see `OpenCalls`. */
  readonly name: string;
}

const maxAnswerBytes = 1_048_576;

/**
 * Asks the plain service. Resolves with its JSON, not yet validated.
 * @throws ServiceError a declared refusal; `unavailable` `plain_service_unavailable`; `internal` `plain_service_failed`, `bad_plain_answer`
 */
export async function askPlainService(request: PlainRequest): Promise<unknown> {
  const { operation, context } = request;
  const response = await send(request);
  const body = await readAnswer(response);
  if (response.status >= 200 && response.status < 300) return body;
  throw refusalOf(operation, response.status, body) ?? failureOf(response.status, body, context);
}

/** Resolves if the plain service says that it can do its work. @throws ServiceError `unavailable` `plain_service_unavailable` */
export async function checkPlainService(url: URL, signal: AbortSignal): Promise<void> {
  const response = await reach(url, { signal, redirect: 'manual' });
  await response.body?.cancel();
  if (response.status === 200) return;
  throw new ServiceError(`the plain service answers ${response.status} to ${url.pathname}`, {
    ...sidecarReason('plain_service_unavailable'),
  });
}

async function send({ upstream, operation, input, context, name }: PlainRequest): Promise<Response> {
  const { path, query, body, headers } = createHttpBinding(operation).toRequest(input);
  const url = new URL(upstream);
  url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
  url.search = query;
  return reach(url, {
    method: operation.method,
    headers: {
      ...headers,
      ...headersOf(context, name),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: context.signal,
    redirect: 'manual',
  });
}

function headersOf(
  { caller, trace, deadlineMs, idempotencyKey }: CallContext,
  name: string,
): Record<string, string> {
  const { service, user } = caller;
  return {
    [plainHeaders.service]: service,
    ...(user === undefined
      ? {}
      : { [plainHeaders.user]: encodeURIComponent(user.id), [plainHeaders.scopes]: user.scopes.join(' ') }),
    [plainHeaders.context]: name,
    ...(Number.isFinite(deadlineMs)
      ? { [plainHeaders.deadline]: String(Math.max(0, deadlineMs - Date.now())) }
      : {}),
    ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    traceparent: formatTraceparent(trace),
  };
}

async function reach(url: URL, options: RequestInit): Promise<Response> {
  try {
    return await fetch(url, options);
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw new ServiceError('the plain service does not answer', {
      ...sidecarReason('plain_service_unavailable'),
      cause,
    });
  }
}

async function readAnswer(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.byteLength;
      if (length > maxAnswerBytes) throw badAnswer(`more than ${maxAnswerBytes} bytes`);
      chunks.push(chunk);
    }
    if (length === 0) return undefined;
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch (cause) {
    if (cause instanceof SyntaxError) {
      // An error page in HTML is an error all the same.
      if (response.status >= 400) return undefined;
      throw badAnswer('no JSON', cause);
    }
    throw cause;
  }
}

/** A refusal of the contract comes as problem details, with its name as `reason` and its data as `details`. */
function refusalOf({ errors }: Operation, status: number, body: unknown): ServiceError | undefined {
  const { reason, details, detail } = (body ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof reason !== 'string' || !Object.hasOwn(errors, reason)) return undefined;
  const declared = errors[reason];
  if (declared?.status !== status) return undefined;
  const text = typeof detail === 'string' ? detail : (declared.description ?? `Refused: ${reason}.`);
  return new ServiceError(text, { code: codeOfHttpStatus(status), reason, status, details, declared: true });
}

function failureOf(status: number, body: unknown, { trace }: CallContext): ServiceError {
  if (status === 503)
    return new ServiceError(
      'the plain service cannot do its work',
      sidecarReason('plain_service_unavailable'),
    );
  if (status >= 300 && status < 400) return badAnswer(`a redirect, ${status}`);
  return new ServiceError('The service could not handle the request.', {
    ...sidecarReason('plain_service_failed'),
    cause: new Error(`${status} in trace ${trace.traceId}: ${JSON.stringify(body)?.slice(0, 1_000)}`),
  });
}

function badAnswer(what: string, cause?: unknown): ServiceError {
  return new ServiceError('The service could not handle the request.', {
    ...sidecarReason('bad_plain_answer'),
    cause: new Error(`the plain service answered with ${what}`, { cause }),
  });
}
