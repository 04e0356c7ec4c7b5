import { createHttpBinding, type Operation } from '@banyan/contract';
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
const maxTextLength = 100_000;

/** Sends a request as anybody outside would: through the gateway, with its checks and limits. What the gateway does not expose it does not find. */
export async function tryThroughGateway(
  operation: Operation,
  { url, input, token, signal }: Attempt,
): Promise<Tried> {
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
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  const text = await response.text();
  const durationMs = performance.now() - startMs;
  const traceId = traceIdIn(response.headers.get('traceparent'));
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    durationMs,
    ...(isJson && text !== '' ? { body: JSON.parse(text) } : { text: text.slice(0, maxTextLength) }),
    ...(traceId === undefined ? undefined : { traceId }),
  };
}
