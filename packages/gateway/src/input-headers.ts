import { clientHeader, type Operation, type RequestHeaders, sessionHeader } from '@banyan/contract';
import type { Exchange } from './exchange.ts';
import type { UserAuthentication } from './user-authentication.ts';

/** The headers that an operation takes input from. What the gateway itself says in them is never the client's. */
export type InputHeaders = (exchange: Exchange) => RequestHeaders;

export function createInputHeaders(operation: Operation, authentication: UserAuthentication): InputHeaders {
  const asked = new Set(Object.values(operation.headers));
  if (!asked.has(clientHeader) && !asked.has(sessionHeader)) return ({ request }) => request.headers;
  return ({ request, client }) => {
    const session = asked.has(sessionHeader) ? authentication.sessionOf(request) : undefined;
    return { ...request.headers, [clientHeader]: client, [sessionHeader]: session };
  };
}
