import { createHttpBinding, isStreaming, type Operation } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { notPossible } from './not-possible.ts';
import { traceIdIn } from './trace-id.ts';

interface Attempt {
  /** Of the gateway. */
  readonly url: string;
  readonly input: unknown;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

export interface Tried {
  readonly status: number;
  readonly durationMs: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly traceId?: string;
}

const timeoutMs = 15_000;
const maxBytes = 1_000_000;
const maxTextLength = 100_000;

/**
 * Sends a request as anybody outside would: through the gateway, with its checks and limits. What the gateway does not expose it does not find. A redirect
 * is an answer and not followed; of an answer that is large or goes on, the first part is shown.
 * @throws ServiceError `failed_precondition` `not_possible` for streams, `unavailable` `no_gateway_answer`
 */
export async function tryThroughGateway(
  operation: Operation,
  { url, input, token, signal }: Attempt,
): Promise<Tried> {
  if (isStreaming(operation))
    throw notPossible('It sends or answers a stream of bytes: use a program of your own, such as curl.');
  const { path, query, body, headers } = createHttpBinding(operation).toRequest(input);
  const startMs = performance.now();
  const response = await fetch(new URL(query === '' ? path : `${path}?${query}`, url), {
    method: operation.method,
    headers: {
      ...headers,
      ...(body === undefined ? undefined : { 'content-type': 'application/json' }),
      ...(token === undefined || token === '' ? undefined : { authorization: `Bearer ${token}` }),
    },
    body: body === undefined ? null : JSON.stringify(body),
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  }).catch((error: unknown) => {
    throw noAnswer(error);
  });
  const { text, isWhole } = await beginningOf(response);
  const durationMs = performance.now() - startMs;
  const traceId = traceIdIn(response.headers.get('traceresponse'));
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    durationMs,
    ...((isJson && isWhole && parsed(text)) || { text: text.slice(0, maxTextLength) }),
    ...(traceId === undefined ? undefined : { traceId }),
  };
}

/** What has come until the answer ends, breaks off, or is too large or too late. */
async function beginningOf(
  response: Response,
): Promise<{ readonly text: string; readonly isWhole: boolean }> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      bytes += chunk.length;
      if (bytes > maxBytes) return { text, isWhole: false };
    }
    return { text, isWhole: true };
  } catch {
    return { text, isWhole: false };
  }
}

function parsed(text: string): { readonly body: unknown } | undefined {
  try {
    return { body: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function noAnswer(error: unknown): ServiceError {
  const { cause = error } = error as { readonly cause?: unknown };
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ServiceError(
    `The gateway did not answer: ${why}. A certificate of your own is trusted if NODE_EXTRA_CA_CERTS names it.`,
    { code: 'unavailable', reason: 'no_gateway_answer', cause: error },
  );
}
