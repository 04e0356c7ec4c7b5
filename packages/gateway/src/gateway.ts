import type { Edge, EdgeOptions, RunningEdge } from '@banyan/chassis';
import type { Contract } from '@banyan/contract';
import { cacheProblems } from './cache-rule.ts';
import { proxyProblems } from './client-address.ts';
import { corsProblems } from './cors.ts';
import {
  type ExposedRoute,
  type Exposure,
  exposedRoutes,
  listed,
  routeProblems,
  toEdgeRoute,
} from './exposure.ts';
import { defaultLimits, type GatewayLimits, limitProblems } from './limits.ts';
import type { RateLimit } from './rate-limit.ts';
import { rateProblems } from './rate-problems.ts';
import { createRunningGateway } from './running-gateway.ts';
import { type SessionOptions, sessionProblems } from './session-options.ts';

export interface UserTokens<Keys extends Contract = Contract> {
  /** `iss` of every accepted token. */
  readonly issuer: string;
  /** `aud` of every accepted token. */
  readonly audience: string;
  /** The operation that answers the JSON Web Key Set (RFC 7517) which tokens are checked with; called with `{}`. */
  readonly keys: readonly [contract: Keys, operation: keyof Keys['operations'] & string];
  /** Takes session cookies besides access tokens. Default: no cookies. */
  readonly session?: SessionOptions;
}

export interface GatewayOptions<Keys extends Contract = Contract> {
  readonly expose: readonly Exposure[];
  /** Required as soon as one policy is not `anyone`. */
  readonly userTokens?: UserTokens<Keys>;
  /** Folder of static files for `/`; needs an `index.html`. */
  readonly site?: URL;
  /** Origins whose pages may call the API. Default: none but the gateway's own. */
  readonly cors?: { readonly origins: readonly string[] };
  readonly limits?: Partial<GatewayLimits>;
  /** Quotas that the requests of every exposed operation take from; per user only where users sign in. Default: none. */
  readonly rates?: readonly RateLimit[];
  /**
   * Addresses and networks (`10.1.0.0/16`) of the proxies in front, whose `X-Forwarded-For` tells the client's address. Default: none, so that
   * the client is whoever connects.
   */
  readonly trustedProxies?: readonly string[];
  /** Title of the API page. Default: the system's name. */
  readonly title?: string;
  readonly description?: string;
}

/** Everything about a gateway that is known before it runs. */
export interface GatewayDefinition {
  readonly routes: readonly ExposedRoute[];
  readonly userTokens: UserTokens | undefined;
  readonly site: URL | undefined;
  readonly origins: readonly string[];
  readonly limits: GatewayLimits;
  readonly rates: readonly RateLimit[];
  readonly trustedProxies: readonly string[];
  readonly title: string | undefined;
  readonly description: string | undefined;
}

/**
 * Declares the public door of a system: the exposed operations and nothing else can be reached from outside.
 * @throws TypeError listing every contradiction at once, each with its fix
 */
export function gateway<Keys extends Contract = Contract>(options: GatewayOptions<Keys>): Edge {
  const routes = exposedRoutes(options.expose);
  const definition: GatewayDefinition = {
    routes,
    userTokens: options.userTokens as UserTokens | undefined,
    site: options.site,
    origins: options.cors?.origins ?? [],
    limits: { ...defaultLimits, ...options.limits },
    rates: options.rates ?? [],
    trustedProxies: options.trustedProxies ?? [],
    title: options.title,
    description: options.description,
  };
  const problems = [
    ...routeProblems(routes),
    ...tokenProblems(definition),
    ...corsProblems(definition.origins),
    ...limitProblems(options.limits ?? {}),
    ...rateProblems(routes, definition.rates),
    ...proxyProblems(definition.trustedProxies),
    ...routes.flatMap(({ contract, operation, policy: { cache, access } }) =>
      cache === undefined ? [] : cacheProblems(cache, { contract, operation, access }),
    ),
    ...siteProblems(definition),
  ];
  if (problems.length > 0) throw new TypeError(listed('gateway()', problems));
  const uses = new Set(options.expose.map((exposure) => exposure.contract));
  if (definition.userTokens !== undefined) uses.add(definition.userTokens.keys[0]);
  if (definition.userTokens?.session !== undefined) uses.add(definition.userTokens.session.exchange[0]);
  return {
    kind: 'edge',
    routes: routes.map(toEdgeRoute),
    uses: [...uses],
    create: (edge: EdgeOptions): RunningEdge => createRunningGateway(definition, edge),
  };
}

function tokenProblems({ routes, userTokens }: GatewayDefinition): string[] {
  if (userTokens === undefined) {
    const first = routes.find((route) => route.policy.access !== 'anyone');
    if (first === undefined) return [];
    return [
      `'${first.contract.name}.${first.operation.name}' wants a signed-in user; add 'userTokens' with issuer, audience and keys.`,
    ];
  }
  const problems: string[] = [];
  for (const name of ['issuer', 'audience'] as const) {
    if (typeof userTokens[name] !== 'string' || userTokens[name] === '')
      problems.push(`'userTokens.${name}' must be a text that is not empty.`);
  }
  const [contract, operation] = userTokens.keys;
  if (!Object.hasOwn(contract.operations, operation)) {
    problems.push(
      `'userTokens.keys' names '${operation}', which '${contract.name}' does not have; it has ${Object.keys(contract.operations).join(', ')}.`,
    );
  }
  return [...problems, ...sessionProblems(userTokens.session, routes)];
}

function siteProblems({ site, routes }: GatewayDefinition): string[] {
  if (site === undefined) return [];
  const problems: string[] = [];
  if (!(site instanceof URL && site.protocol === 'file:')) {
    problems.push("'site' must be a file URL: new URL('./web/', import.meta.url).");
  }
  const root = routes.find(({ operation }) => operation.method === 'GET' && operation.path === '/');
  if (root !== undefined) {
    const name = `${root.contract.name}.${root.operation.name}`;
    problems.push(
      `'${name}' wants GET /, where the site has its index.html; change its path or remove 'site'.`,
    );
  }
  return problems;
}
