import type { CircuitState } from '@banyan/resilience';
import { type CounterSeries, createMetrics, type Metrics } from '@banyan/telemetry';
import type { ParallelOutcome } from './parallel-run.ts';

export type ForwardOutcome =
  | 'answered'
  | 'unreachable'
  | 'broke_off'
  | 'invalid_answer'
  | 'timeout'
  | 'refused'
  | 'cancelled';

/** What is counted about one forwarding. */
export interface ForwardMetrics {
  forwarded(upstream: string, outcome: ForwardOutcome): void;
  circuit(upstream: string, to: CircuitState): void;
  compared(outcome: ParallelOutcome): void;
}

export function createForwardMetrics(metrics: Metrics = createMetrics(), route: string): ForwardMetrics {
  const requests = metrics.counter({
    name: 'banyan_gateway_forwarded_total',
    help: 'Attempts to have a request answered by an upstream, by route, upstream and outcome.',
    labels: ['route', 'upstream', 'outcome'],
  });
  const circuits = metrics.counter({
    name: 'banyan_gateway_upstream_circuit_transitions_total',
    help: 'Circuit breakers of upstreams that changed into a state, by route and upstream.',
    labels: ['route', 'upstream', 'to'],
  });
  const runs = metrics.counter({
    name: 'banyan_gateway_parallel_runs_total',
    help: 'Answers of an upstream that were compared with those of the operation, by route and outcome.',
    labels: ['route', 'outcome'],
  });
  // Keeping the series makes counting free of allocations.
  const known = new Map<string, Partial<Record<ForwardOutcome, CounterSeries>>>();
  const seriesOf = (upstream: string, outcome: ForwardOutcome): CounterSeries => {
    let ofUpstream = known.get(upstream);
    if (ofUpstream === undefined) {
      ofUpstream = {};
      known.set(upstream, ofUpstream);
    }
    ofUpstream[outcome] ??= requests.labels(route, upstream, outcome);
    return ofUpstream[outcome];
  };
  return {
    forwarded: (upstream, outcome) => seriesOf(upstream, outcome).inc(),
    circuit: (upstream, to) => circuits.labels(route, upstream, to).inc(),
    compared: (outcome) => runs.labels(route, outcome).inc(),
  };
}
