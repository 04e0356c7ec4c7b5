import type { Caller, TraceContext } from '@banyan/core';
import type { QuotaStanding } from './route-rates.ts';

/** What quotas and the parts of joined answers know of a request. */
export interface AskingRequest {
  /** Whom it comes from: an address, or the network of an IPv6 subscriber. */
  readonly client: string;
  readonly caller: Caller | undefined;
  readonly trace: TraceContext;
  /** What it has taken from its quotas so far. */
  readonly quotas: QuotaStanding[];
}
