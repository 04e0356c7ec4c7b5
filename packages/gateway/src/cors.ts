import type { IncomingMessage } from 'node:http';
import type { HeaderList } from './security-headers.ts';

/** Headers that pages of other origins may read beside those that the Fetch standard always allows. */
const exposedHeaders =
  'age, api-version, cache-status, etag, location, ratelimit, ratelimit-policy, retry-after, traceresponse, www-authenticate, x-trace-id';
const allowedHeaders =
  'api-version, authorization, content-type, idempotency-key, if-none-match, traceparent';

/** Cross-origin access for an exact list of origins; without credentials, because the API knows no cookies. */
export interface Cors {
  /** Adds who may read the answer. */
  addTo(headers: HeaderList, request: IncomingMessage): void;
  /** Adds what a page may send, if the request asks that (Fetch standard, CORS preflight). */
  addPreflightTo(headers: HeaderList, request: IncomingMessage, methods: string): void;
}

export function createCors(origins: readonly string[]): Cors {
  const allowed = new Set(origins);
  if (allowed.size === 0) return { addTo: () => undefined, addPreflightTo: () => undefined };
  return {
    addTo(headers, { headers: { origin } }) {
      headers.push('vary', 'Origin');
      if (origin === undefined || !allowed.has(origin)) return;
      headers.push('access-control-allow-origin', origin, 'access-control-expose-headers', exposedHeaders);
    },
    addPreflightTo(headers, request, methods) {
      const { origin, 'access-control-request-method': method } = request.headers;
      if (method === undefined || origin === undefined || !allowed.has(origin)) return;
      headers.push('access-control-allow-methods', methods, 'access-control-allow-headers', allowedHeaders);
      headers.push('access-control-max-age', '600');
    },
  };
}

/** What is wrong with the allowed origins, with the fix. */
export function corsProblems(origins: readonly string[]): string[] {
  return origins
    .filter((origin) => !isOrigin(origin))
    .map(
      (origin) =>
        `'cors.origins' has '${String(origin)}'; write each exactly as browsers send it, like 'https://shop.example'.`,
    );
}

function isOrigin(text: unknown): boolean {
  return (
    typeof text === 'string' && URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text
  );
}
