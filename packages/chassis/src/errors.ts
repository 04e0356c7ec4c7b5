import type { ErrorCode } from '@banyan/core';

/** Reasons that this package gives; docs/reference/errors.md lists them all. */
export const chassisErrors = {
  caller_not_allowed: {
    code: 'permission_denied',
    text: 'The calling service does not name the called one in its `uses`.',
  },
  leaves_batch: {
    code: 'aborted',
    text: 'Internal to consumers: the handler calls another service, so it runs again in a transaction of its own.',
  },
  service_stopped: {
    code: 'unavailable',
    text: 'The service is stopping or has stopped in this process; the call was not started.',
  },
} as const satisfies Record<string, { readonly code: ErrorCode; readonly text: string }>;
