import { createErrorFactory, type ErrorTable } from '@banyan/core';

/** Every reason that this package gives, with its code. */
export const redisErrors = {
  redis_unavailable: {
    code: 'unavailable',
    text: 'Redis cannot be reached, or did not answer in time. What was asked of it may have been done.',
  },
  redis_refused: {
    code: 'unavailable',
    text: 'Redis answered with an error: it is out of memory, still loading, a replica, or its user lacks a right.',
  },
  redis_url_invalid: {
    code: 'failed_precondition',
    text: 'The URL of Redis cannot be understood; the message says what is wrong.',
  },
} as const satisfies ErrorTable;

export type RedisReason = keyof typeof redisErrors;

export const redisError = createErrorFactory(redisErrors);
