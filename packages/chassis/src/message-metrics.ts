import type { Metrics } from '@banyan/telemetry';

/** What became of messages and replies that were not handled. */
export interface MessageMetrics {
  /** A message to this service was dropped: nobody had begun to handle it in time. */
  expired(message: string): void;
  /** A reply to this service was dropped: nobody waited for it any more. */
  late(message: string): void;
}

export function createMessageMetrics(metrics: Metrics, service: string): MessageMetrics {
  const expired = metrics.counter({
    name: 'banyan_messages_expired_total',
    help: 'Messages that were dropped because their time was over.',
    labels: ['service', 'message'],
  });
  const late = metrics.counter({
    name: 'banyan_replies_late_total',
    help: 'Replies that were dropped because nobody waited for them any more.',
    labels: ['service', 'message'],
  });
  return {
    expired: (message) => expired.labels(service, message).inc(),
    late: (message) => late.labels(service, message).inc(),
  };
}
