import type { ErrorTable } from '@banyan/core';

/** Every `reason` that this package gives, with its code. */
export const eventsErrors = {
  invalid_event: {
    code: 'invalid_argument',
    text: 'The value is no CloudEvent of this system; `details` lists what is wrong.',
  },
  event_too_large: {
    code: 'invalid_argument',
    text: 'The encoded event exceeds 256 KiB; put the bytes elsewhere and send a reference.',
  },
  event_refused: {
    code: 'invalid_argument',
    text: 'The event log will never take some events of the batch, and took none of it; `details.ids` names them.',
  },
  not_supported: {
    code: 'failed_precondition',
    text: 'The engine of the event log cannot do this; the message names the engine and the way out.',
  },
  position_lost: {
    code: 'failed_precondition',
    text: 'The event log does not have what comes next: retention dropped it, or the log was put back to an earlier state, or made anew. `details.loss` says which, if it is known.',
  },
  lease_lost: {
    code: 'aborted',
    text: 'Another process holds the lease now, or the event is finished already; the transaction must roll back.',
  },
  crash_rehearsed: {
    code: 'aborted',
    text: 'Development only: a delivery or a batch is interrupted just before its commit, and repeated at once.',
  },
  delivery_deadline: {
    code: 'deadline_exceeded',
    text: 'The handler did not finish within its time; the event is delivered again.',
  },
  handler_unresponsive: {
    code: 'internal',
    text: 'The handler ignored its abort signal; its lease is fenced off and the event is delivered again.',
  },
  no_handler: {
    code: 'unavailable',
    text: 'This version of the service has no handler for the event; it waits for a version that has.',
  },
  process_crashed: {
    code: 'internal',
    text: 'The process died again and again while it handled the event.',
  },
  consumer_stopped: {
    code: 'cancelled',
    text: 'The consumer stopped before the handler finished; the event is delivered again.',
  },
  log_timeout: {
    code: 'unavailable',
    text: 'The event log did not confirm a batch in time; the relay publishes it again.',
  },
} as const satisfies ErrorTable;
