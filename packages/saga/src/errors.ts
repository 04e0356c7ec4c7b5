import type { ErrorCode } from '@banyan/core';

/** Reasons that this package gives; docs/reference/errors.md lists them all. */
export const sagaErrors = {
  step_timeout: {
    code: 'deadline_exceeded',
    text: 'A step of a saga took longer than its `timeoutMs`; it may have taken effect, and is tried again.',
  },
} as const satisfies Record<string, { readonly code: ErrorCode; readonly text: string }>;
