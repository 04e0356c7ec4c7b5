import type { ServiceTokens } from '@banyan/auth';
import type { Clock } from '@banyan/core';
import type { Backoff, Bulkhead, RetryBudget } from '@banyan/resilience';
import type { ClientMetrics } from './client-metrics.ts';
import type { PickRequest } from './instance-picker.ts';
import type { RemoteInstance } from './remote-instance.ts';
import type { Transport } from './transport.ts';

/** What a call to a remote service needs of it. */
export interface RemoteService {
  readonly name: string;
  readonly tokens: ServiceTokens;
  readonly clock: Clock;
  readonly bulkhead: Bulkhead;
  readonly backoff: Backoff;
  readonly budget: RetryBudget;
  readonly transport: Transport;
  readonly lane: boolean;
  readonly maxAttempts: number;
  readonly maxResponseBytes: number;
  readonly metrics: ClientMetrics | undefined;
  /** There are several instances, so that it is of interest how they compare. */
  readonly compares: boolean;
  /** Instances that are listed now. */
  instances(): readonly RemoteInstance[];
  /** The best instance for an attempt; undefined if none will take one. */
  pick(request: PickRequest): RemoteInstance | undefined;
  /** Calls `listener` once, when the list of instances changes. */
  onNextChange(listener: () => void): () => void;
}
