import type { ErrorTable } from '@banyan/core';

/** Every reason that this package itself puts into a `ServiceError`. */
export const gatewayErrors = {
  port_taken: {
    code: 'failed_precondition',
    text: 'The port is in use by another program; choose another, for the gateway with `PORT`.',
  },
  certificate_unusable: {
    code: 'failed_precondition',
    text: 'The files of `GATEWAY_TLS_CERT` and `GATEWAY_TLS_KEY` cannot be read, or are no certificate and its key.',
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
    text: 'The path has empty, `.` or `..` segments (also before a `;`), encoded slashes, a parameter or an encoding where a forwarding is told by it, a wrong percent-encoding, or characters that do not belong there.',
  },
  not_acceptable: {
    code: 'invalid_argument',
    text: 'The `Accept` header takes none of the formats that there are; `details.available` lists them. Status 406.',
  },
  malformed_xml: {
    code: 'invalid_argument',
    text: 'The body is not well-formed XML in UTF-8, has a document type, or not the form that values have in XML.',
  },
  too_many_elements: {
    code: 'invalid_argument',
    text: 'The XML body has more elements or attributes than the gateway reads. Status 413.',
  },
  unknown_version: {
    code: 'not_found',
    text: 'The request asks for a version of the service that is not exposed, or that does not have the operation; `details.versions` lists those that have it.',
  },
  version_conflict: {
    code: 'invalid_argument',
    text: 'Header, path and query ask for different versions. Ask once.',
  },
  invalid_idempotency_key: {
    code: 'invalid_argument',
    text: 'The `Idempotency-Key` header must have 1 to 255 printable ASCII characters, and not begin with `saga/` or `void:`.',
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
  upstream_unreachable: {
    code: 'unavailable',
    text: 'The system that the request is forwarded to cannot be reached; nothing was started. Status 502.',
  },
  upstream_broke_off: {
    code: 'unavailable',
    text: 'The system that the request is forwarded to closed the connection before it had answered; the request may have taken effect. Status 502.',
  },
  upstream_invalid_answer: {
    code: 'unavailable',
    text: 'The system that the request is forwarded to answered with something that two programs could read differently. Status 502; the log says what.',
  },
  upstream_timeout: {
    code: 'deadline_exceeded',
    text: 'The system that the request is forwarded to did not answer in time; the request may have taken effect.',
  },
  upstream_busy: {
    code: 'unavailable',
    text: 'The system that the request is forwarded to has as many requests or WebSockets as it may; nothing was started.',
  },
  forwarded_body_too_large: {
    code: 'invalid_argument',
    text: 'The body is longer than `maxBodyBytes` of the forwarding. Status 413.',
  },
  invalid_upgrade: {
    code: 'invalid_argument',
    text: 'The request asks for a WebSocket, but not as RFC 6455 says.',
  },
  foreign_origin: {
    code: 'permission_denied',
    text: 'A page of another origin than the gateway and `webSocket.origins` wants to open a WebSocket.',
  },
  kept_answer: {
    code: 'unavailable',
    text: 'In `missing` of a joined answer: the service did not answer, and an older answer stands in its place.',
  },
  needed_part_missing: {
    code: 'unavailable',
    text: 'In `missing` of a joined answer: another part, which this one needs, is not there.',
  },
  part_failed: {
    code: 'unavailable',
    text: 'A service that a joined answer cannot do without failed; `details.part` names the part. Status 502.',
  },
  not_ready: {
    code: 'unavailable',
    text: 'A part of the system that the gateway depends on is not ready; `details.parts` names each.',
  },
} as const satisfies ErrorTable;
