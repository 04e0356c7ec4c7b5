import { isServiceError, ServiceError, toServiceError } from '@banyan/core';
import { gatewayErrors } from './errors.ts';

/** Failures of the trust between services: nothing that the client did, and nothing that they could repair. */
const internalReasons: ReadonlySet<string> = new Set([
  'invalid_service_token',
  'missing_service_token',
  'invalid_user_assertion',
  'caller_not_allowed',
]);

/**
 * What the world may know of a failure. Declared refusals pass as they are. Messages and details of server faults stay inside,
 * because they may name hosts, tables and services; `code` and `reason` are documented and safe.
 */
export function toPublicError(error: unknown): ServiceError {
  const known = toServiceError(error);
  if (known.declared || Object.hasOwn(gatewayErrors, known.reason)) return known;
  if (internalReasons.has(known.reason)) return bare(known, 'internal', 'unexpected_error');
  if (known.status >= 500) return bare(known, known.code, known.reason);
  // Elsewhere than in bad input, details of an undeclared failure are for the caller's code, such as the name of a constraint.
  if (
    known.details === undefined ||
    known.code === 'invalid_argument' ||
    known.reason === 'method_not_allowed'
  ) {
    return known;
  }
  return new ServiceError(known.message, {
    code: known.code,
    reason: known.reason,
    status: known.status,
    ...(known.retryAfterMs === undefined ? undefined : { retryAfterMs: known.retryAfterMs }),
    notStarted: known.notStarted,
    cause: known,
  });
}

/** True if `error` is worth a line of its own with everything that is known about it. */
export function isServerFault(error: unknown): boolean {
  if (!isServiceError(error)) return true;
  // Not the gateway's own fault: what a service failed with is behind it.
  if (error.reason === 'part_failed') return true;
  if (error.declared || Object.hasOwn(gatewayErrors, error.reason)) return false;
  return error.status >= 500 || internalReasons.has(error.reason);
}

/** For whoever waits for something to come back and is not told more precisely when. */
const retryUnavailableMs = 1_000;

function bare(known: ServiceError, code: ServiceError['code'], reason: string): ServiceError {
  const retryAfterMs = known.retryAfterMs ?? (code === 'unavailable' ? retryUnavailableMs : undefined);
  return new ServiceError(sentences[code] ?? 'The system could not handle the request.', {
    code,
    reason,
    ...(code === known.code ? { status: known.status } : undefined),
    ...(retryAfterMs === undefined ? undefined : { retryAfterMs }),
    notStarted: known.notStarted,
    cause: known,
  });
}

const sentences: Partial<Record<ServiceError['code'], string>> = {
  unavailable: 'A part of the system is not available at the moment; try again.',
  deadline_exceeded: 'The system did not finish in time; the request may still have taken effect.',
  unimplemented: 'The system does not support this.',
};
