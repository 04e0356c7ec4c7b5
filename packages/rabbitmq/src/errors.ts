import { createErrorFactory, type ErrorTable, isServiceError, type ServiceError } from '@banyan/core';

/** Every `reason` that this package gives beside those of the port, with its code. */
export const rabbitErrors = {
  rabbit_unavailable: {
    code: 'unavailable',
    text: 'RabbitMQ cannot be reached, has no such virtual host, or did not confirm in time. What was published may have been added: publish it again.',
  },
  rabbit_refused: {
    code: 'unavailable',
    text: 'RabbitMQ did not take an event: a queue is at its limit, or a stream has vanished. Publish the batch again.',
  },
  rabbit_denied: {
    code: 'permission_denied',
    text: 'RabbitMQ refused: the password of the URL is wrong, or its user lacks a right in the virtual host.',
  },
  rabbit_unfit: {
    code: 'failed_precondition',
    text: 'What stands in RabbitMQ does not fit the URL: another number of partitions, or another mode.',
  },
  rabbit_url_invalid: {
    code: 'failed_precondition',
    text: 'The URL of the RabbitMQ log cannot be understood; the message says what is wrong.',
  },
  rabbit_log_closed: { code: 'unavailable', text: 'The RabbitMQ log was used after `close`.' },
} as const satisfies ErrorTable;

export type RabbitReason = keyof typeof rabbitErrors;

export const rabbitError = createErrorFactory(rabbitErrors);

/** AMQP 0-9-1 reply codes that repeating does not mend. */
const finalReplies: Readonly<Record<number, RabbitReason>> = {
  403: 'rabbit_denied', // ACCESS_REFUSED
  406: 'rabbit_unfit', // PRECONDITION_FAILED
  530: 'rabbit_unfit', // NOT_ALLOWED
  540: 'rabbit_unfit', // NOT_IMPLEMENTED
};

/** An error of the client as one of ours; what is one already stays as it is. */
export function toRabbitError(error: unknown): ServiceError {
  if (isServiceError(error)) return error;
  const reason = finalReplies[replyCodeOf(error)];
  if (reason === undefined) return rabbitError('rabbit_unavailable', { cause: error });
  return rabbitError(reason, {
    message: `${rabbitErrors[reason].text} (${(error as Error).message})`,
    cause: error,
  });
}

function replyCodeOf(error: unknown): number {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'number') return code;
  // While a connection is being opened the client gives the code in its text only.
  const [, inText] = /^Handshake terminated by server: (\d{3}) /.exec(String(message)) ?? [];
  return Number(inText);
}
