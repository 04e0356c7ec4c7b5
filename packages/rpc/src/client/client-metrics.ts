import type { ServiceTokens } from '@banyan/auth';
import type { Contract } from '@banyan/contract';
import type { CircuitState } from '@banyan/resilience';
import type { Metrics } from '@banyan/telemetry';

/** What a caller records about its calls to one service. */
export interface ClientMetrics {
  retried(): void;
  hedged(): void;
  ejected(cause: string): void;
  transition(to: CircuitState): void;
  /** Reads how many instances have a circuit that is not closed whenever somebody looks. Returns a function that ends it. */
  watchCircuits(count: () => number): () => void;
}

export function createClientMetrics(
  metrics: Metrics,
  between: { readonly tokens: ServiceTokens; readonly contract: Contract },
): ClientMetrics {
  const caller = between.tokens.service;
  const callee = between.contract.name;
  const retries = metrics
    .counter({
      name: 'banyan_client_retries_total',
      help: 'Calls that were repeated, by caller and callee.',
      labels: ['caller', 'callee'],
    })
    .labels(caller, callee);
  const hedges = metrics
    .counter({
      name: 'banyan_client_hedges_total',
      help: 'Calls for which a second instance was asked, by caller and callee.',
      labels: ['caller', 'callee'],
    })
    .labels(caller, callee);
  const ejections = metrics.counter({
    name: 'banyan_client_ejections_total',
    help: 'Instances that were left out for a while for being slower than others, or failing more, by caller and callee.',
    labels: ['caller', 'callee', 'cause'],
  });
  const transitions = metrics.counter({
    name: 'banyan_circuit_transitions_total',
    help: 'Circuit breakers that changed into a state, by caller and callee.',
    labels: ['caller', 'callee', 'to'],
  });
  return {
    retried: () => retries.inc(),
    hedged: () => hedges.inc(),
    ejected: (cause) => ejections.labels(caller, callee, cause).inc(),
    transition: (to) => transitions.labels(caller, callee, to).inc(),
    watchCircuits(count) {
      const open = metrics
        .gauge({
          name: 'banyan_circuits_open',
          help: 'Instances whose circuit breaker is open or half open, by caller and callee.',
          labels: ['caller', 'callee'],
        })
        .labels(caller, callee);
      return metrics.onCollect(() => open.set(count()));
    },
  };
}
