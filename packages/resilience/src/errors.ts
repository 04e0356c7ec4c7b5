import type { ErrorCode } from '@banyan/core';

export const resilienceErrors = {
  circuit_open: {
    code: 'unavailable',
    text: 'The circuit breaker is open: recent calls failed, so this one was refused without being sent.',
  },
  bulkhead_full: {
    code: 'resource_exhausted',
    text: 'As many calls as allowed are running and waiting, so this one was refused without being sent.',
  },
} as const satisfies Record<string, { readonly code: ErrorCode; readonly text: string }>;
