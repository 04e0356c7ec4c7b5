import { createErrorFactory, type ErrorTable } from '@banyan/core';

/** Every `reason` that this package gives beside those of the port, with its code. */
export const kafkaErrors = {
  kafka_unavailable: {
    code: 'unavailable',
    text: 'No Kafka broker that could do it answered in time. What was published may have been added: publish it again.',
  },
  kafka_replicas_missing: {
    code: 'unavailable',
    text: 'Kafka refused to write, because fewer replicas are in sync than `min.insync.replicas` asks for.',
  },
  kafka_denied: {
    code: 'permission_denied',
    text: 'Kafka refused: the user of the URL lacks the rights to a topic, or its password is wrong.',
  },
  kafka_topic_unfit: {
    code: 'failed_precondition',
    text: 'A Kafka topic has another number of partitions than the URL asks for, or cannot be created as it asks.',
  },
  kafka_url_invalid: {
    code: 'failed_precondition',
    text: 'The URL of the Kafka log cannot be understood; the message says what is wrong.',
  },
  kafka_log_closed: { code: 'unavailable', text: 'The Kafka log was used after `close`.' },
} as const satisfies ErrorTable;

export type KafkaReason = keyof typeof kafkaErrors;

export const kafkaError = createErrorFactory(kafkaErrors);
