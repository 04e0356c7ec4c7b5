import type { ErrorTable } from '@banyan/core';

export const rpcErrors = {
  deadline_passed: {
    code: 'deadline_exceeded',
    text: 'The deadline of the call passed before its answer came. The work may have run.',
  },
  call_cancelled: {
    code: 'cancelled',
    text: 'The caller no longer wants the answer. The work may have run.',
  },
  unknown_operation: {
    code: 'unimplemented',
    text: 'The service has no operation of that name.',
  },
  unserializable_input: {
    code: 'invalid_argument',
    text: 'The input cannot be written as JSON: it holds a cycle or a bigint.',
  },
  invalid_output: {
    code: 'internal',
    text: 'A handler returned something that its contract does not promise; the log says what.',
  },
  undeclared_refusal: {
    code: 'internal',
    text: 'A handler passed on a refusal that its own contract does not declare; the log says which.',
  },
  no_instance: {
    code: 'unavailable',
    text: 'No instance of the service appeared before the deadline.',
  },
  connection_refused: {
    code: 'unavailable',
    text: 'No connection to the instance could be made; the call was not sent.',
  },
  connection_lost: {
    code: 'unavailable',
    text: 'The connection broke after the call was sent. The work may have run.',
  },
  shutting_down: {
    code: 'unavailable',
    text: 'The instance is stopping and did not start the work.',
  },
  link_expired: {
    code: 'unavailable',
    text: 'The caller did not prove its identity again in time; the work did not start.',
  },
  too_many_calls: {
    code: 'resource_exhausted',
    text: 'The connection has as many calls in flight as the instance allows; this one did not start.',
  },
  malformed_response: {
    code: 'unknown',
    text: 'The instance answered with something that is no valid response.',
  },
  response_too_large: {
    code: 'internal',
    text: 'The answer is larger than the caller accepts.',
  },
  route_not_found: {
    code: 'not_found',
    text: 'There is nothing at this address.',
  },
  method_not_allowed: {
    code: 'unimplemented',
    text: 'The address exists, but not for this HTTP method; `Allow` lists those that it has. Status 405.',
  },
  malformed_path: {
    code: 'invalid_argument',
    text: 'The address holds a percent-encoding that is not valid UTF-8.',
  },
  url_too_long: {
    code: 'invalid_argument',
    text: 'The address is longer than the server accepts. Status 414.',
  },
  malformed_json: {
    code: 'invalid_argument',
    text: 'The body is not valid JSON in UTF-8.',
  },
  nested_too_deeply: {
    code: 'invalid_argument',
    text: 'The arrays and objects of the body are nested more deeply than the server accepts.',
  },
  body_too_large: {
    code: 'invalid_argument',
    text: 'The body is larger than the operation accepts. Status 413.',
  },
  unsupported_media_type: {
    code: 'invalid_argument',
    text: 'The body has a type or an encoding that the operation does not take. Status 415.',
  },
  body_cut_off: {
    code: 'cancelled',
    text: 'The connection ended before the whole body had arrived.',
  },
  missing_upload: {
    code: 'invalid_argument',
    text: 'The operation takes a byte stream, and none was given.',
  },
  invalid_header: {
    code: 'invalid_argument',
    text: 'A header that the platform reads (`banyan-deadline-ms`, `idempotency-key`) has no valid value.',
  },
  invalid_idempotency_key: {
    code: 'invalid_argument',
    text: 'An idempotency key must have 1 to 255 printable ASCII characters.',
  },
  malformed_request: {
    code: 'invalid_argument',
    text: 'What arrived is no HTTP request, is too large (431), or did not arrive in time (408, `deadline_exceeded`).',
  },
  missing_service_token: {
    code: 'unauthenticated',
    text: 'The call does not say which service makes it.',
  },
  wrong_certificate: {
    code: 'unauthenticated',
    text: 'The service token of the call and the certificate of its connection name different services.',
  },
  port_taken: {
    code: 'failed_precondition',
    text: 'The port that the service should listen on is in use by another program.',
  },
} as const satisfies ErrorTable;
