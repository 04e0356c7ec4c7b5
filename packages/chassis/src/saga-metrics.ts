import type { SagaStanding, SagaStatus } from '@banyan/saga';
import type { Metrics } from '@banyan/telemetry';

export interface SagaMetrics {
  record(standing: SagaStanding, inHand: number): void;
  ended(saga: string, status: SagaStatus): void;
  /** Takes the service's figures off the page: it runs here no longer. */
  end(): void;
}

export function createSagaMetrics(metrics: Metrics, service: string): SagaMetrics {
  const gauge = (name: string, help: string) =>
    metrics.gauge({ name, help, labels: ['service'] }).labels(service);
  const gauges = {
    inHand: gauge('banyan_sagas_in_hand', 'Sagas that this instance has in hand.'),
    stuck: gauge('banyan_sagas_stuck', 'Sagas that need an operator.'),
    overdue: gauge('banyan_sagas_overdue', 'Sagas that are due and that nobody took for two seconds.'),
    overdueFor: gauge('banyan_sagas_overdue_seconds', 'How long the oldest of them has been due.'),
  };
  const endings = metrics.counter({
    name: 'banyan_sagas_ended_total',
    help: 'Sagas that ended here, or got stuck.',
    labels: ['service', 'saga', 'status'],
  });
  return {
    record({ stuck, overdue, overdueMs }, inHand) {
      gauges.inHand.set(inHand);
      gauges.stuck.set(stuck);
      gauges.overdue.set(overdue);
      gauges.overdueFor.set(overdueMs / 1_000);
    },
    ended: (saga, status) => endings.labels(service, saga, status).inc(),
    end() {
      for (const each of Object.values(gauges)) each.set(0);
    },
  };
}
