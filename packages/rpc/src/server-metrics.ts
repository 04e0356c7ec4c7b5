import type { Contract, Operation } from '@banyan/contract';
import type { TraceContext } from '@banyan/core';
import type { HistogramSeries, Metrics } from '@banyan/telemetry';

export interface Answer {
  /** HTTP status, or what it would be over the lane; 499 for a client that left. */
  readonly status: number;
  readonly durationMs: number;
  /** Of its span; undefined if it has none, or did not come so far. */
  readonly trace: TraceContext | undefined;
}

/** What a service records about the calls that reach it from other processes. */
export interface ServerMetrics {
  answered(transport: 'http' | 'lane', operation: Operation | undefined, answer: Answer): void;
}

export function createServerMetrics(metrics: Metrics, contract: Contract): ServerMetrics {
  const durations = metrics.histogram({
    name: 'banyan_server_duration_seconds',
    help: 'Time from the arrival of a call to its answer, by operation, transport and class of status.',
    labels: ['service', 'operation', 'transport', 'status'],
  });
  // Keeping the series makes recording free of allocations.
  const known = new Map<Operation | undefined, HistogramSeries[]>();
  return {
    answered(transport, operation, { status, durationMs, trace }) {
      let series = known.get(operation);
      if (series === undefined) {
        series = [];
        known.set(operation, series);
      }
      const statusClass = Math.floor(status / 100);
      const index = transport === 'http' ? statusClass : statusClass + 10;
      const name = operation?.name ?? 'none';
      series[index] ??= durations.labels(contract.name, name, transport, `${statusClass}xx`);
      series[index].observe(durationMs / 1_000, trace);
    },
  };
}
