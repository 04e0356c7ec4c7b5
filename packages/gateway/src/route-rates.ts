import { createHash } from 'node:crypto';
import { ServiceError } from '@banyan/core';
import type { RateLimiter, Verdict } from '@banyan/resilience';
import type { AskingRequest } from './asking-request.ts';
import { inputOf, type RateKey, type RateLimit } from './rate-limit.ts';

/** How one quota stands after a request, for the fields of its answer. */
export interface QuotaStanding {
  readonly limit: RateLimit;
  readonly verdict: Verdict;
}

/**
 * The quotas that the requests of one route take from, each as soon as its key is known: what an address may do is counted before anything is checked
 * or read. A quota that refuses keeps the later ones from being taken from. Nothing to wait for where the answer is known here.
 *
 * All throw, or reject with, ServiceError `resource_exhausted` `rate_limited`, `unavailable` `rate_limits_unavailable`.
 */
export interface RouteRates {
  atArrival(asking: AskingRequest): Promise<void> | undefined;
  /** After `caller` is known. */
  forCaller(asking: AskingRequest): Promise<void> | undefined;
  forInput(asking: AskingRequest, input: unknown): Promise<void> | undefined;
}

export interface RouteRatesOptions {
  /** Method and path template. */
  readonly route: string;
  readonly limits: readonly RateLimit[];
  /** Units for each request. */
  readonly cost: number;
  readonly limiter: RateLimiter;
}

const none: RouteRates = {
  atArrival: () => undefined,
  forCaller: () => undefined,
  forInput: () => undefined,
};

export function createRouteRates(options: RouteRatesOptions): RouteRates {
  return options.limits.length === 0 ? none : new LimitedRoute(options);
}

class LimitedRoute implements RouteRates {
  readonly #route: string;
  readonly #units: number;
  readonly #limiter: RateLimiter;
  readonly #atArrival: readonly RateLimit[];
  readonly #forCaller: readonly RateLimit[];
  readonly #forInput: readonly RateLimit[];

  constructor({ route, limits, cost, limiter }: RouteRatesOptions) {
    this.#route = route;
    this.#units = cost;
    this.#limiter = limiter;
    this.#forInput = limits.filter((limit) => inputOf(limit) !== undefined);
    this.#forCaller = limits.filter((limit) => inputOf(limit) === undefined && limit.per.includes('user'));
    this.#atArrival = limits.filter((limit) => inputOf(limit) === undefined && !limit.per.includes('user'));
  }

  atArrival(asking: AskingRequest): Promise<void> | undefined {
    return this.#take(asking, this.#atArrival, { input: undefined });
  }

  forCaller(asking: AskingRequest): Promise<void> | undefined {
    return this.#take(asking, this.#forCaller, { input: undefined });
  }

  forInput(asking: AskingRequest, input: unknown): Promise<void> | undefined {
    return this.#take(asking, this.#forInput, { input });
  }

  #take(
    asking: AskingRequest,
    limits: readonly RateLimit[],
    { input, from = 0 }: { readonly input: unknown; readonly from?: number },
  ): Promise<void> | undefined {
    for (let index = from; index < limits.length; index += 1) {
      const limit = limits[index];
      if (limit === undefined) return undefined;
      const key = limit.per.map((part) => this.#keyPart(part, { asking, input })).join('|');
      const verdict = this.#limiter.take(limit, { key, units: this.#units });
      if (verdict instanceof Promise) {
        return verdict.then((known) => {
          note(asking, { limit, verdict: known });
          return this.#take(asking, limits, { input, from: index + 1 });
        });
      }
      note(asking, { limit, verdict });
    }
    return undefined;
  }

  #keyPart(
    key: RateKey,
    { asking, input }: { readonly asking: AskingRequest; readonly input: unknown },
  ): string {
    if (key === 'route') return this.#route;
    if (key === 'address') return asking.client;
    if (key === 'user') return bounded(asking.caller?.user?.id ?? '');
    const value = (input as Readonly<Record<string, unknown>> | undefined)?.[key.input];
    // A service may take ` Ada` for `ada`; whoever tries spellings must not get a quota for each.
    const plain = typeof value === 'string' ? value.normalize('NFKC').trim().toLowerCase() : value;
    // What somebody typed is no business of the store's.
    return digest(JSON.stringify(plain ?? null));
  }
}

function note(asking: AskingRequest, standing: QuotaStanding): void {
  asking.quotas.push(standing);
  if (!standing.verdict.allowed) throw rateLimited(standing);
}

/** Ids that are long, or could be taken for several parts, are named by their digest. */
function bounded(text: string): string {
  return /^[\w.@:-]{0,64}$/.test(text) ? text : digest(text);
}

function digest(text: string): string {
  return `#${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
}

function rateLimited({ limit, verdict }: QuotaStanding): ServiceError {
  return new ServiceError('This is more than the quota allows; try again later.', {
    code: 'resource_exhausted',
    reason: 'rate_limited',
    details: { policies: [limit.name] },
    // At least a second in `Retry-After`, and never too early.
    retryAfterMs: Math.max(1, Math.ceil(verdict.retryAfterMs)),
    notStarted: true,
  });
}
