import type { IncomingHttpHeaders } from 'node:http';
import type { ServiceTokens } from '@banyan/auth';
import { type Caller, ServiceError, type User } from '@banyan/core';
import { type CallEnvironment, type RunnableCallContext, receiveCallContext } from '../call-context.ts';
import { isIdempotencyKey } from '../idempotency-key.ts';
import { invalidHeader } from './request-errors.ts';

/** Where the context of a call stands in an HTTP request between services. */
export const callHeaders = {
  serviceToken: 'authorization',
  user: 'banyan-user',
  trace: 'traceparent',
  /** Milliseconds that are left, so that the two clocks need not agree. */
  deadline: 'banyan-deadline-ms',
  idempotencyKey: 'idempotency-key',
} as const;

/**
 * Who calls, as the headers prove it. Synchronous if the tokens have been seen before.
 * @throws ServiceError `unauthenticated`: `missing_service_token`, `invalid_service_token`, `invalid_user_assertion`
 */
export function callerOf(headers: IncomingHttpHeaders, tokens: ServiceTokens): Caller | Promise<Caller> {
  const token = bearerToken(headers.authorization);
  const assertion = headers[callHeaders.user];
  const service = tokens.verified(token)?.service;
  if (service === undefined) return verifyCaller(token, assertion, tokens);
  if (assertion === undefined) return { service };
  const user = typeof assertion === 'string' ? tokens.verifiedUser(assertion) : undefined;
  return user === undefined ? verifyCaller(token, assertion, tokens) : { service, user };
}

/**
 * The context that the headers describe.
 * @param timeoutMs the longest time that the operation may take
 * @throws ServiceError `invalid_argument` `invalid_header`
 */
export function callContextOf(
  headers: IncomingHttpHeaders,
  environment: CallEnvironment,
  call: { readonly caller: Caller; readonly timeoutMs: number },
): RunnableCallContext {
  const idempotencyKey = headers[callHeaders.idempotencyKey];
  if (idempotencyKey !== undefined && !isIdempotencyKey(idempotencyKey)) {
    throw invalidHeader(callHeaders.idempotencyKey);
  }
  const { traceparent } = headers;
  return receiveCallContext({
    caller: call.caller,
    timeoutMs: Math.min(remainingMsOf(headers[callHeaders.deadline]), call.timeoutMs),
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
    idempotencyKey,
    environment,
  });
}

export function bearerToken(authorization: string | undefined): string {
  // The scheme is case-insensitive (RFC 9110, 11.1).
  if (authorization === undefined || authorization.slice(0, 7).toLowerCase() !== 'bearer ') {
    throw new ServiceError('Say which service calls: `Authorization: Bearer <service token>`.', {
      code: 'unauthenticated',
      reason: 'missing_service_token',
    });
  }
  return authorization.slice(7);
}

async function verifyCaller(
  token: string,
  assertion: string | string[] | undefined,
  tokens: ServiceTokens,
): Promise<Caller> {
  const { service } = await tokens.verify(token);
  if (assertion === undefined) return { service };
  const user: User = await tokens.verifyUser(String(assertion));
  return { service, user };
}

function remainingMsOf(header: string | string[] | undefined): number {
  if (header === undefined) return Number.POSITIVE_INFINITY;
  const remainingMs = Number(header);
  // `Number` also takes signs, fractions, spaces and nothing at all; none of them writes back the same.
  if (!(remainingMs >= 0 && remainingMs <= Number.MAX_SAFE_INTEGER) || String(remainingMs) !== header)
    throw invalidHeader(callHeaders.deadline);
  return remainingMs;
}
