import { ServiceError } from '@banyan/core';

/** Why an upstream gave no answer that could be passed on. Clients learn no names: those are for the log. */
export function unreachable(cause: unknown): ServiceError {
  return new ServiceError('The system behind this address cannot be reached at the moment.', {
    code: 'unavailable',
    reason: 'upstream_unreachable',
    status: 502,
    notStarted: true,
    cause,
  });
}

export function brokenOff(cause: unknown): ServiceError {
  return new ServiceError(
    'The system behind this address broke off; the request may still have taken effect.',
    {
      code: 'unavailable',
      reason: 'upstream_broke_off',
      status: 502,
      cause,
    },
  );
}

export function invalidAnswer(problem: string): ServiceError {
  return new ServiceError('The system behind this address gave an answer that cannot be read for certain.', {
    code: 'unavailable',
    reason: 'upstream_invalid_answer',
    status: 502,
    cause: new Error(problem),
  });
}

export function upstreamTimeout(): ServiceError {
  return new ServiceError(
    'The system behind this address did not answer in time; the request may still have taken effect.',
    { code: 'deadline_exceeded', reason: 'upstream_timeout' },
  );
}

export function upstreamBusy(): ServiceError {
  return new ServiceError(
    'The system behind this address has as much to do as it may; try again in a moment.',
    {
      code: 'unavailable',
      reason: 'upstream_busy',
      retryAfterMs: 1_000,
      notStarted: true,
    },
  );
}

export function forwardedBodyTooLarge(maxBytes: number): ServiceError {
  return new ServiceError(`The body may have at most ${maxBytes} bytes.`, {
    code: 'invalid_argument',
    reason: 'forwarded_body_too_large',
    status: 413,
    notStarted: true,
  });
}
