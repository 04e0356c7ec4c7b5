import type { ErrorTable } from '@banyan/core';

/** Reasons that this package gives; docs/reference/errors.md lists them all. */
export const sagaErrors = {
  message_expired: {
    code: 'unavailable',
    text: "The addressee of a message that a step of a saga sent did not begin to handle it in time. It has no effect, and is sent again before the saga's deadline.",
  },
  step_timeout: {
    code: 'deadline_exceeded',
    text: 'A step of a saga took longer than its `timeoutMs`; it may have taken effect, and is tried again.',
  },
  durable_cancelled: {
    code: 'cancelled',
    text: 'A durable function was cancelled: whatever it waits for then rejects with this, once.',
  },
  durable_deadline: {
    code: 'deadline_exceeded',
    text: 'The deadline of a durable function has passed: whatever it waits for then rejects with this, once.',
  },
  invalid_signal: {
    code: 'invalid_argument',
    text: 'The data of a signal is not what the saga waits for under that name, and `details` says where it does not fit; or it is larger than 1 MiB as JSON. The transaction that sent it is undone, and the saga still waits.',
  },
  saga_mail_full: {
    code: 'resource_exhausted',
    text: 'A saga was sent a signal, or told to cancel, and has not read so much: 1,000 letters or 1 MiB of them for signals, 1,100 or 1.125 MiB for being cancelled. The transaction that sent it is undone; send it again when the saga has gone on.',
  },
  signal_timeout: {
    code: 'deadline_exceeded',
    text: 'A durable function waited for a signal, and none came within its `timeoutMs`.',
  },
  child_failed: {
    code: 'failed_precondition',
    text: 'A durable function waited for a saga that was compensated.',
  },
} as const satisfies ErrorTable;
