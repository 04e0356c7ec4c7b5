import { type Balancer, createBalancer } from '@banyan/discovery';
import { createRetryBudget, type RetryBudget } from '@banyan/resilience';
import { createUpstream, type Upstream, type UpstreamOptions } from './upstream.ts';

/** Equal upstreams of one forwarding, the one with less to do first. */
export interface UpstreamGroup {
  /** Shared by all requests of the forwarding. */
  readonly budget: RetryBudget;
  /** One that takes requests and is none of `tried`; undefined if there is none. */
  pick(tried: ReadonlySet<Upstream>): Upstream | undefined;
  /** Any; for the reason why none takes requests. */
  readonly first: Upstream;
  close(): void;
}

export function createUpstreamGroup(
  urls: readonly [URL, ...URL[]],
  options: Omit<UpstreamOptions, 'url'>,
): UpstreamGroup {
  const first = createUpstream({ ...options, url: urls[0] });
  const upstreams = [first, ...urls.slice(1).map((url) => createUpstream({ ...options, url }))];
  const balancer: Balancer<Upstream> = createBalancer({
    strategy: 'least_requests',
    requestsInFlight: (upstream) => upstream.inFlight,
  });
  return {
    budget: createRetryBudget({ clock: options.clock }),
    first,
    pick: (tried) =>
      balancer.pick(upstreams, (upstream) => !upstream.breaker.available || tried.has(upstream)),
    close() {
      for (const upstream of upstreams) upstream.close();
    },
  };
}
