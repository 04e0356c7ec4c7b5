import type { ReaderStanding } from '@banyan/event-store';
import type { Metrics } from '@banyan/telemetry';

export interface ReaderMetrics {
  record(standing: ReaderStanding, isOverdue: boolean): void;
  /** Takes the reader's figures off the page: it runs here no longer. */
  end(): void;
}

export function createReaderMetrics(metrics: Metrics, service: string, reader: string): ReaderMetrics {
  const gauge = (name: string, help: string) =>
    metrics.gauge({ name, help, labels: ['service', 'reader'] }).labels(service, reader);
  const gauges = {
    lag: gauge('banyan_reader_lag', 'Positions of the event store that the reader has not passed.'),
    behind: gauge('banyan_reader_behind_seconds', 'Age of the oldest event that the reader has not passed.'),
    building: gauge(
      'banyan_reader_building_lag',
      'Positions that the version that is being built has not passed; 0 if none is.',
    ),
    overdue: gauge('banyan_reader_overdue', '1 while the reader breaks its bound.'),
  };
  return {
    record({ positions, ageMs, building }, isOverdue) {
      gauges.lag.set(positions);
      gauges.behind.set(ageMs / 1_000);
      gauges.building.set(building);
      gauges.overdue.set(isOverdue ? 1 : 0);
    },
    end() {
      for (const each of Object.values(gauges)) each.set(0);
    },
  };
}
