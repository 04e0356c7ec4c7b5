import type { CacheRule } from './cache-rule.ts';
import { type Format, formatsProblem } from './formats/format.ts';
import { type RateLimit, rateLimitProblem } from './rate-limit.ts';

/** Who may use an exposed operation: anybody, a signed-in user, or a signed-in user whose token has the scope. */
export type Access = 'anyone' | 'user' | { readonly scope: string };

/** All that the gateway does about an exposed operation. */
export interface RoutePolicy {
  readonly access: Access;
  /** How long answers may be kept and given again. Default: never. */
  readonly cache?: CacheRule;
  /** Quotas that each request takes from, beside those of the whole gateway. */
  readonly rates?: readonly RateLimit[];
  /**
   * What is refused first when the service is overloaded. `exempt` is never refused and not measured: for operations that wait for something else than
   * the service's work, such as news. Default `normal`.
   */
  readonly priority?: Priority;
  /** What answers and bodies may look like, the preferred one first. Default: as the gateway's. */
  readonly formats?: readonly Format[];
  /** `off`: not served until an operator switches the route on (`banyan routes on`). Default `on`. */
  readonly initially?: 'on' | 'off';
  /** Units that one request takes from each of its quotas. Default 1. */
  readonly cost?: number;
}

export const priorities = ['low', 'normal', 'high', 'exempt'] as const;
/** What is refused first under overload: `low` before `normal` before `high`; `exempt` never. */
export type Priority = (typeof priorities)[number];

/** Who may use an exposed operation, alone or with all else that the gateway does about it. */
export type Policy = Access | RoutePolicy;

export function toRoutePolicy(policy: Policy): RoutePolicy {
  return typeof policy === 'object' && 'access' in policy ? policy : { access: policy };
}

/** How an access reads in route lists: `anyone`, `user` or `scope:<name>`. */
export function accessText(access: Access): string {
  return typeof access === 'string' ? access : `scope:${access.scope}`;
}

const known: ReadonlySet<string> = new Set([
  'access',
  'rates',
  'cost',
  'priority',
  'cache',
  'formats',
  'initially',
]);

/** Why `policy` is none, with the fix; undefined if it is one. Plain JavaScript can hand in anything. */
export function policyProblem(policy: unknown): string | undefined {
  if (typeof policy !== 'object' || policy === null || !('access' in policy)) return accessProblem(policy);
  const {
    access,
    rates = [],
    cost = 1,
    priority = 'normal',
    formats,
    initially = 'on',
  } = policy as Partial<Record<keyof RoutePolicy, unknown>>;
  const unknown = Object.keys(policy).find((name) => !known.has(name));
  if (unknown !== undefined) return `has '${unknown}' in its policy; there are ${[...known].join(', ')}.`;
  if (!(Number.isSafeInteger(cost) && (cost as number) > 0)) return 'needs a whole number above 0 as cost.';
  if (!priorities.some((each) => each === priority)) return `needs ${priorities.join(', ')} as priority.`;
  if (formats !== undefined && formatsProblem(formats) !== undefined) return formatsProblem(formats);
  if (initially !== 'on' && initially !== 'off') return "is 'on' or 'off' initially.";
  if (!Array.isArray(rates)) return 'needs a list of rateLimit() as rates.';
  return accessProblem(access) ?? rates.map(rateLimitProblem).find((problem) => problem !== undefined);
}

function accessProblem(access: unknown): string | undefined {
  if (access === 'anyone' || access === 'user') return undefined;
  const scope =
    typeof access === 'object' && access !== null ? (access as { scope?: unknown }).scope : undefined;
  // RFC 6749, 3.3: the characters of a scope token.
  if (typeof scope === 'string' && /^[\x21\x23-\x5B\x5D-\x7E]{1,128}$/.test(scope)) return undefined;
  return `has no valid policy; use 'anyone', 'user', { scope: 'name' } or { access: …, rates: […] }.`;
}
