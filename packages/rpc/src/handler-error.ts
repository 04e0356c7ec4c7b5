import { errorDataValidator, type Operation } from '@banyan/contract';
import { ServiceError, toServiceError } from '@banyan/core';

/**
 * Reasons that blame a request. Out of a handler they speak of a call that the handler made, so that its own caller, whose
 * request was accepted, must not be told that it did something wrong.
 */
const requestReasons: ReadonlySet<string> = new Set([
  'invalid_input',
  'invalid_body',
  'unserializable_input',
  'malformed_json',
  'unknown_operation',
  'route_not_found',
  'missing_service_token',
  'invalid_service_token',
  'invalid_user_assertion',
]);

/** What a handler threw, as the error that its operation's caller gets. */
export function translateHandlerError(operation: Operation, error: unknown): ServiceError {
  const known = toServiceError(error);
  if (known.declared) return isDeclaredBy(operation, known) ? known : internal('undeclared_refusal', error);
  if (requestReasons.has(known.reason)) return internal('unexpected_error', error);
  return known.notStarted ? withoutNotStarted(known) : known;
}

export function internal(reason: string, cause: unknown): ServiceError {
  return new ServiceError('The service could not handle the request.', { code: 'internal', reason, cause });
}

export function unknownOperation(service: string, operation: string): ServiceError {
  return new ServiceError(`Service '${service}' has no operation '${operation.slice(0, 100)}'.`, {
    code: 'unimplemented',
    reason: 'unknown_operation',
    notStarted: true,
  });
}

/** A refusal of another service may have the same name by chance; its data tells. */
function isDeclaredBy(operation: Operation, refusal: ServiceError): boolean {
  const { reason, details, status } = refusal;
  if (!Object.hasOwn(operation.errors, reason) || operation.errors[reason]?.status !== status) return false;
  try {
    errorDataValidator(operation, reason)?.parse(details);
    return true;
  } catch {
    return false;
  }
}

/** That a call inside the handler never started does not mean that the handler did not. */
function withoutNotStarted(error: ServiceError): ServiceError {
  return new ServiceError(error.message, {
    code: error.code,
    reason: error.reason,
    status: error.status,
    details: error.details,
    cause: error,
    ...(error.retryAfterMs === undefined ? undefined : { retryAfterMs: error.retryAfterMs }),
  });
}
