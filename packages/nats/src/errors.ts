import { createErrorFactory, type ErrorTable } from '@banyan/core';

/** Every `reason` that this package gives beside those of the port, with its code. */
export const natsErrors = {
  nats_unavailable: {
    code: 'unavailable',
    text: 'NATS did not answer in time. What was published may have been added: publish it again.',
  },
  nats_events_lost: {
    code: 'unavailable',
    text: 'The NATS stream lost events that it had confirmed: it was deleted, or put back to an earlier state. Publish again, and rewind the outboxes.',
  },
  nats_denied: {
    code: 'permission_denied',
    text: 'NATS refused: the user of the URL is unknown, its password is wrong, or it lacks a right.',
  },
  nats_stream_unfit: {
    code: 'failed_precondition',
    text: 'A NATS stream of this name has other partitions or settings than the log needs, or cannot be created as the URL asks.',
  },
  nats_url_invalid: {
    code: 'failed_precondition',
    text: 'The URL of the NATS log cannot be understood; the message says what is wrong.',
  },
  nats_log_closed: { code: 'unavailable', text: 'The NATS log was used after `close`.' },
} as const satisfies ErrorTable;

export type NatsReason = keyof typeof natsErrors;

export const natsError = createErrorFactory(natsErrors);
