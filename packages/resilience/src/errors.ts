import type { ErrorTable } from '@banyan/core';

export const resilienceErrors = {
  circuit_open: {
    code: 'unavailable',
    text: 'The circuit breaker is open: recent calls failed, so this one was refused without being sent.',
  },
  bulkhead_full: {
    code: 'resource_exhausted',
    text: 'As many calls as allowed are running and waiting, so this one was refused without being sent.',
  },
  rate_limits_unavailable: {
    code: 'unavailable',
    text: 'The store that rate limits are shared through does not answer, and the limit lets nothing through then.',
  },
} as const satisfies ErrorTable;
