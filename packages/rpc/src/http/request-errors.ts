import { ServiceError } from '@banyan/core';
import type { RouteResult } from './router.ts';

/** The error for a request that found no route. */
export function routeError(result: Exclude<RouteResult<unknown>, { readonly kind: 'match' }>): ServiceError {
  switch (result.kind) {
    case 'none':
      return new ServiceError('There is nothing at this address.', {
        code: 'not_found',
        reason: 'route_not_found',
      });
    case 'malformed_path':
      return invalid('malformed_path', 'The address holds a malformed percent-encoding.', 400);
    case 'wrong_method':
      return new ServiceError(`This address takes ${result.allow}.`, {
        code: 'unimplemented',
        reason: 'method_not_allowed',
        status: 405,
        details: { allow: result.allow },
      });
  }
}

export function urlTooLong(): ServiceError {
  return invalid('url_too_long', 'The address is too long.', 414);
}

export function malformedJson(cause?: unknown): ServiceError {
  return invalid('malformed_json', 'The body is not valid JSON in UTF-8.', 400, cause);
}

export function nestedTooDeeply(): ServiceError {
  return invalid('nested_too_deeply', 'The body is nested too deeply.', 400);
}

export function bodyTooLarge(maxBytes: number): ServiceError {
  return invalid('body_too_large', `The body may have at most ${maxBytes} bytes.`, 413);
}

export function unsupportedMediaType(accepted: string): ServiceError {
  return invalid('unsupported_media_type', `The body must be ${accepted}, without content encoding.`, 415);
}

export function missingUpload(types: readonly string[]): ServiceError {
  return invalid('missing_upload', `Send the bytes as ${types.join(' or ')}.`, 400);
}

export function invalidHeader(name: string): ServiceError {
  return invalid('invalid_header', `The header '${name}' has no valid value.`, 400);
}

export function bodyCutOff(cause?: unknown): ServiceError {
  return new ServiceError('The body ended too early.', { code: 'cancelled', reason: 'body_cut_off', cause });
}

function invalid(reason: string, message: string, status: number, cause?: unknown): ServiceError {
  return new ServiceError(message, { code: 'invalid_argument', reason, status, cause });
}
