import type { Operation } from '@banyan/contract';
import type { CallContext } from '@banyan/core';
import { type Balancer, createBalancer } from '@banyan/discovery';
import { createLatencyWindow } from '@banyan/resilience';
import { type CallSpans, createCallSpans } from '../call-spans.ts';
import type { RemoteInstance } from './remote-instance.ts';

/** What one caller knows about an operation of a remote service. */
export interface RemoteOperation {
  readonly operation: Operation;
  readonly balancer: Balancer<RemoteInstance>;
  readonly spans: CallSpans;
  /** What the balancer goes by, of one call; undefined if the call has no such thing. */
  keyOf(input: unknown, context: CallContext): string | undefined;
  /** How long an attempt took; answers how slow that is: 1 is the median of the last ones. */
  took(ms: number): number;
  /** When to ask a second instance; undefined while too little is known. */
  hedgeAfterMs(): number | undefined;
}

/** Added to both sides of the comparison, so that 2 ms are not ten times as slow as 0.2 ms. */
const graceMs = 10;

export function createRemoteOperation(operation: Operation): RemoteOperation {
  const latency = createLatencyWindow();
  return {
    operation,
    spans: createCallSpans(operation, { kind: 'client', placement: 'remote' }),
    balancer: createBalancer(strategyOf(operation)),
    keyOf: keyReader(operation),
    took(ms) {
      const usualMs = latency.quantileMs(0.5) ?? ms;
      latency.add(ms);
      return (ms + graceMs) / (usualMs + graceMs);
    },
    hedgeAfterMs: () => latency.quantileMs(0.95),
  };
}

function strategyOf({ balance }: Operation): Parameters<typeof createBalancer<RemoteInstance>>[0] {
  const requestsInFlight = (candidate: RemoteInstance) => candidate.inFlight;
  if (balance === 'least_requests' || balance === 'round_robin')
    return { strategy: balance, requestsInFlight };
  return { strategy: 'consistent_hash', idOf: (candidate) => candidate.instance.id, requestsInFlight };
}

function keyReader({ balance }: Operation): RemoteOperation['keyOf'] {
  if (balance === 'user') return (_input, { caller }) => caller.user?.id;
  if (typeof balance === 'string') return () => undefined;
  return (input) => {
    if (typeof input !== 'object' || input === null) return undefined;
    const value = (input as Readonly<Record<string, unknown>>)[balance.field];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  };
}
