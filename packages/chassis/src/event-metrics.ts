import type { Metrics } from '@banyan/telemetry';
import type { EventFlowStatus } from './event-flow.ts';

export interface EventMetrics {
  record(status: EventFlowStatus): void;
  /** Takes the service's figures off the page: it runs here no longer. */
  end(): void;
}

const seconds = (ms: number) => ms / 1000;

/** The figures behind the two standing invariants: no outbox row waits longer than allowed, no consumer is further behind than allowed. */
export function createEventMetrics(metrics: Metrics, service: string): EventMetrics {
  const gauge = (name: string, help: string) =>
    metrics.gauge({ name, help, labels: ['service'] }).labels(service);
  const outbox = {
    backlog: gauge('banyan_outbox_backlog', 'Committed events that are not published yet.'),
    oldest: gauge('banyan_outbox_oldest_age_seconds', 'Age of the oldest event that is not published yet.'),
    dead: gauge('banyan_outbox_dead', 'Events that the log refuses for good.'),
    overdue: gauge('banyan_outbox_overdue', '1 while the outbox breaks its bound.'),
  };
  const consumer = {
    lag: gauge('banyan_consumer_lag', 'Events in the log that the consumer has not taken in yet.'),
    behind: gauge(
      'banyan_consumer_behind_seconds',
      'Age of the oldest event that the consumer has not handled.',
    ),
    pending: gauge('banyan_consumer_pending', 'Events taken in and not handled yet.'),
    dead: gauge('banyan_consumer_dead', 'Dead letters.'),
    waiting: gauge('banyan_consumer_waiting', 'Events that wait behind a dead letter of their key.'),
    partitions: gauge('banyan_consumer_partitions', 'Partitions that this instance reads.'),
    rebalances: gauge('banyan_consumer_rebalances', 'How often partitions changed their owner.'),
    overdue: gauge('banyan_consumer_overdue', '1 while the consumer breaks its bound.'),
  };
  return {
    record({ relay, consumer: reading }) {
      outbox.backlog.set(relay.backlog);
      outbox.oldest.set(seconds(relay.oldestAgeMs));
      outbox.dead.set(relay.dead);
      outbox.overdue.set(relay.overdue ? 1 : 0);
      if (reading === undefined) return;
      consumer.lag.set(reading.lag);
      consumer.behind.set(seconds(reading.behindMs));
      consumer.pending.set(reading.pending);
      consumer.dead.set(reading.dead);
      consumer.waiting.set(reading.waiting);
      consumer.partitions.set(reading.partitions.length);
      consumer.rebalances.set(reading.rebalances);
      consumer.overdue.set(reading.overdue ? 1 : 0);
    },
    end() {
      for (const each of [...Object.values(outbox), ...Object.values(consumer)]) each.set(0);
    },
  };
}
