import type { ErrorTable } from '@banyan/core';

/** Reasons that this package gives; docs/reference/errors.md lists them all. */
export const chassisErrors = {
  caller_not_allowed: {
    code: 'permission_denied',
    text: 'The calling service does not name the called one in its `uses`.',
  },
  call_voided: {
    code: 'failed_precondition',
    text: 'A saga gave up this call before it was handled, so it may not take effect any more.',
  },
  callback_failed: {
    code: 'unavailable',
    text: 'The URL that a reply is to be posted to could not be reached, or asked to try again; it is tried for a day.',
  },
  callback_refused: {
    code: 'permission_denied',
    text: 'The callback URL is not allowed: `BANYAN_CALLBACKS` does not name its host, or the host leads to an address that is not public.',
  },
  callback_rejected: {
    code: 'failed_precondition',
    text: 'The receiver of a callback answered that it does not want it; it is a dead letter at once.',
  },
  claim_expired: {
    code: 'failed_precondition',
    text: 'The data of an event that was too large to travel along is not kept any more.',
  },
  data_too_large: {
    code: 'invalid_argument',
    text: 'The data of an event or a message exceeds 64 MiB; keep it elsewhere and send a link.',
  },
  denied_by_policy: {
    code: 'permission_denied',
    text: 'The policies of the system do not allow the call; the audit log of the called service names the rule.',
  },
  handlers_interleaved: {
    code: 'aborted',
    text: 'Internal to consumers: the handler asks the database more than once, so it runs again and others of its batch wait for it.',
  },
  leaves_group: {
    code: 'aborted',
    text: 'Internal to operations that sagas call: the handler reaches for something outside, so it runs again in a transaction of its own.',
  },
  leaves_batch: {
    code: 'aborted',
    text: 'Internal to consumers: the handler calls another service, so it runs again in a transaction of its own.',
  },
  no_reply: {
    code: 'deadline_exceeded',
    text: 'No reply came in time; the message may have been handled, or still be.',
  },
  no_saga_calls: {
    code: 'failed_precondition',
    text: 'A saga called an operation that changes something outside of the platform, such as behind a sidecar. Nothing was started.',
  },
  operation_pending: {
    code: 'deadline_exceeded',
    text: 'A long operation had not ended when its caller stopped waiting; it goes on.',
  },
  policies_unavailable: {
    code: 'unavailable',
    text: 'The called service has not been able to load any policies since it started, so it lets nobody in.',
  },
  service_stopped: {
    code: 'unavailable',
    text: 'The service is stopping or has stopped in this process; the call was not started.',
  },
  unexpected_reply: {
    code: 'failed_precondition',
    text: 'A reply came to something that this version of the service does not ask for.',
  },
} as const satisfies ErrorTable;
