import { type LimitedRate, rateProblem, type StoreFailureMode, storeFailureModes } from '@banyan/resilience';

/**
 * Whose quota a request takes from: that of the client's address, of the signed-in user, of the route, or of what a field of the input names,
 * such as the login that somebody tries to guess the password of.
 */
export type RateKey = 'address' | 'user' | 'route' | { readonly input: string };

/** What a rate limit counts by, and how much it allows. */
export interface RateLimitOptions {
  /** Units in each window; they come back one by one, not all at its end. */
  readonly quota: number;
  readonly windowS: number;
  /** Units that may be taken at once. Default `quota`. */
  readonly burst?: number;
  /** Several together make one key: `['user', 'route']` gives each user a quota on each route. */
  readonly per: RateKey | readonly RateKey[];
  /** While the store that replicas share does not answer. Default `count_locally`. */
  readonly whenStoreFails?: StoreFailureMode;
}

/** A quota for each key, shared by all routes that name it. */
export interface RateLimit extends LimitedRate {
  readonly kind: 'rate limit';
  readonly per: readonly RateKey[];
}

/**
 * Defines a rate limit; clients know it by `name` (`RateLimit-Policy`). Its key never comes from a header that a client can choose.
 * @throws TypeError, with the fix in the text
 */
export function rateLimit(name: string, options: RateLimitOptions): RateLimit {
  const { quota, windowS, burst = quota, per, whenStoreFails = 'count_locally' } = options;
  const windowMs = windowS * 1_000;
  const keys = Array.isArray(per) ? (per as readonly RateKey[]) : [per as RateKey];
  const problem =
    nameProblem(name) ??
    rateProblem({ quota, windowMs, burst }) ??
    keysProblem(keys) ??
    (storeFailureModes.includes(whenStoreFails)
      ? undefined
      : `'whenStoreFails' must be one of ${storeFailureModes.join(', ')}.`);
  if (problem !== undefined) throw new TypeError(`rateLimit('${name}'): ${problem}`);
  return { kind: 'rate limit', name, quota, windowMs, burst, per: keys, whenStoreFails };
}

export function rateLimitProblem(value: unknown): string | undefined {
  const { kind } = (value ?? {}) as { readonly kind?: unknown };
  return kind === 'rate limit' ? undefined : 'has something else than a rateLimit() among its rates.';
}

/** The field of the input that the limit counts by; undefined if it is none of those. */
export function inputOf(limit: RateLimit): string | undefined {
  for (const key of limit.per) if (typeof key === 'object') return key.input;
  return undefined;
}

function nameProblem(name: string): string | undefined {
  return /^[a-z][a-z0-9-]{0,39}$/.test(name) ? undefined : 'name it in kebab-case, at most 40 characters.';
}

function keysProblem(keys: readonly RateKey[]): string | undefined {
  if (keys.length === 0)
    return "'per' needs at least one of 'address', 'user', 'route' and { input: 'field' }.";
  const names = keys.map((key) => (typeof key === 'object' ? 'input' : key));
  if (new Set(names).size < names.length) return "'per' has the same twice.";
  for (const key of keys) {
    if (key === 'address' || key === 'user' || key === 'route') continue;
    if (typeof key?.input !== 'string' || key.input === '')
      return "'per' takes 'address', 'user', 'route' and { input: 'field' }.";
  }
  return undefined;
}
