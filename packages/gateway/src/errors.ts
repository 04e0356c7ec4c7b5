import type { ErrorCode } from '@banyan/core';

/** Every reason that this package itself puts into a `ServiceError`. */
export const gatewayErrors = {
  port_taken: {
    code: 'failed_precondition',
    text: 'The port is in use by another program; choose another, for the gateway with `PORT`.',
  },
  site_not_found: {
    code: 'failed_precondition',
    text: 'The folder of the static site does not exist or has no `index.html`.',
  },
  malformed_request: {
    code: 'invalid_argument',
    text: 'The request is not valid HTTP/1.1, or two programs could read it differently. The connection is closed.',
  },
  headers_too_large: {
    code: 'invalid_argument',
    text: 'Request line and headers are longer than the gateway accepts. Status 431.',
  },
  invalid_path: {
    code: 'invalid_argument',
    text: 'The path has empty, `.` or `..` segments, encoded slashes, a wrong percent-encoding, or characters that do not belong there.',
  },
  invalid_idempotency_key: {
    code: 'invalid_argument',
    text: 'The `Idempotency-Key` header must have 1 to 255 printable ASCII characters.',
  },
  unsupported_expectation: {
    code: 'failed_precondition',
    text: 'The only expectation that the gateway meets is `Expect: 100-continue`. Status 417.',
  },
  request_timeout: {
    code: 'deadline_exceeded',
    text: 'The request did not arrive in time, or its body came too slowly. Status 408.',
  },
  session_over: {
    code: 'unauthenticated',
    text: 'The session cookie stands for no session, or for one that has ended; it is taken back.',
  },
  two_credentials: {
    code: 'invalid_argument',
    text: 'The request has a session cookie and an `Authorization` header; one identity is enough.',
  },
  cross_site_request: {
    code: 'permission_denied',
    text: 'A request with a session cookie that changes something must come from a page of the same origin, and say so (`Sec-Fetch-Site` or `Origin`).',
  },
  missing_token: {
    code: 'unauthenticated',
    text: 'The operation is for signed-in users, and the request has no access token.',
  },
  invalid_token: {
    code: 'unauthenticated',
    text: 'The access token is forged, or meant for another system.',
  },
  expired_token: {
    code: 'unauthenticated',
    text: 'The access token was good, and has expired.',
  },
  insufficient_scope: {
    code: 'permission_denied',
    text: 'The access token lacks the scope that the operation asks for.',
  },
  overloaded: {
    code: 'unavailable',
    text: 'The gateway handles as many requests as it may; nothing was started.',
  },
  client_overloaded: {
    code: 'resource_exhausted',
    text: 'The client address has as many requests in progress as one may have; nothing was started.',
  },
  rate_limited: {
    code: 'resource_exhausted',
    text: 'A quota is used up; `details.policies` names it, `Retry-After` says when there is more. Nothing was started.',
  },
  not_ready: {
    code: 'unavailable',
    text: 'A part of the system that the gateway depends on is not ready; `details.parts` names each.',
  },
} as const satisfies Record<string, { readonly code: ErrorCode; readonly text: string }>;
