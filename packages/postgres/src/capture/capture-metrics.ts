import type { Metrics } from '@banyan/telemetry';
import type { CapturedTransaction } from './pgoutput.ts';
import type { SlotStatus } from './replication-slot.ts';

/** Figures of one capture, for whoever has to know that it keeps up. */
export interface CaptureMetrics {
  standing(status: SlotStatus): void;
  /** The oldest transaction that is not told of yet; undefined if there is none. */
  waiting(oldest: CapturedTransaction | undefined): void;
  /** These are told of, and their position is saved. */
  confirmed(transactions: readonly CapturedTransaction[]): void;
  /** This instance captures no longer. */
  end(): void;
}

export interface CaptureMetricsOptions {
  readonly metrics: Metrics;
  readonly service: string;
  readonly capture: string;
  readonly nowMs: () => number;
}

export function createCaptureMetrics(options: CaptureMetricsOptions): CaptureMetrics {
  const { metrics, service, capture, nowMs } = options;
  const labels = ['service', 'capture'];
  const gauge = (name: string, help: string) =>
    metrics.gauge({ name, help, labels }).labels(service, capture);
  const held = gauge('banyan_capture_held_bytes', 'Write-ahead log that the server keeps for the capture.');
  const lag = gauge(
    'banyan_capture_lag_bytes',
    'Write-ahead log that was written since the last confirmed position.',
  );
  const behind = gauge(
    'banyan_capture_behind_seconds',
    'Age of the oldest committed transaction that is not told of; 0 if there is none.',
  );
  const confirmed = gauge(
    'banyan_capture_confirmed_timestamp_seconds',
    'When the newest transaction that was told of had been committed.',
  );
  const changes = metrics
    .counter({ name: 'banyan_capture_changes_total', help: 'Changes of rows that were told of.', labels })
    .labels(service, capture);
  return {
    standing(status) {
      held.set(status.heldBytes);
      lag.set(status.lagBytes);
    },
    waiting(oldest) {
      // The server's clock may be ahead of ours.
      behind.set(oldest === undefined ? 0 : Math.max(0, nowMs() - Date.parse(oldest.committedAt)) / 1_000);
    },
    confirmed(transactions) {
      const newest = transactions.at(-1);
      if (newest !== undefined) confirmed.set(Date.parse(newest.committedAt) / 1_000);
      changes.inc(transactions.reduce((sum, each) => sum + each.changes.length, 0));
    },
    end() {
      for (const each of [held, lag, behind]) each.set(0);
    },
  };
}
