import type { RateLimit } from './rate-limit.ts';
import type { QuotaStanding } from './route-rates.ts';
import type { HeaderList } from './security-headers.ts';

/**
 * Tells the client how its quotas stand: `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10, lists of Structured Fields. `t` is the
 * time until the whole quota is there again. No partition key is told: it would name users and addresses to whoever reads along.
 */
export function addQuotaFields(headers: HeaderList, quotas: readonly QuotaStanding[]): void {
  if (quotas.length === 0) return;
  headers.push('ratelimit-policy', quotas.map(({ limit }) => policyItem(limit)).join(', '));
  headers.push('ratelimit', quotas.map(standingItem).join(', '));
}

const policyItems = new WeakMap<RateLimit, string>();

function policyItem(limit: RateLimit): string {
  let item = policyItems.get(limit);
  if (item === undefined) {
    item = `"${limit.name}";q=${limit.quota};w=${Math.ceil(limit.windowMs / 1_000)}`;
    policyItems.set(limit, item);
  }
  return item;
}

function standingItem({ limit, verdict: { remaining, fullAfterMs } }: QuotaStanding): string {
  return `"${limit.name}";r=${remaining};t=${Math.ceil(fullAfterMs / 1_000)}`;
}
