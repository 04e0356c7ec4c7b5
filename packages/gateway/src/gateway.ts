import type { Edge, EdgeOptions, EdgeRoute, RunningEdge } from '@banyan/chassis';
import type { Contract } from '@banyan/contract';
import { cacheProblems } from './cache-rule.ts';
import { proxyProblems } from './client-address.ts';
import { joinProblems } from './composition/joined-endpoint.ts';
import { joinOf } from './composition/joined-operation.ts';
import { corsProblems } from './cors.ts';
import {
  type ExposedRoute,
  type Exposure,
  exposedRoutes,
  listed,
  routeProblems,
  toEdgeRoute,
} from './exposure.ts';
import { type Format, formatsProblem } from './formats/format.ts';
import { type HttpApp, httpAppProblems } from './http-app/http-app.ts';
import { defaultLimits, type GatewayLimits, limitProblems } from './limits.ts';
import type { RateLimit } from './rate-limit.ts';
import { rateProblems } from './rate-problems.ts';
import { createRunningGateway } from './running-gateway.ts';
import { type OperationRef, type SessionOptions, sessionProblems } from './session-options.ts';
import { forwardProblems } from './upstreams/forward-problems.ts';
import { byLength, covers, type Forwarding } from './upstreams/forwarding.ts';

/** Whose access tokens count, and how they are checked. */
export interface UserTokens<Keys extends Contract = Contract> {
  /** `iss` of every accepted token. */
  readonly issuer: string;
  /** `aud` of every accepted token. */
  readonly audience: string;
  /** The operation that answers the JSON Web Key Set (RFC 7517) which tokens are checked with; called with `{}`. */
  readonly keys: readonly [contract: Keys, operation: keyof Keys['operations'] & string];
  /**
   * Answers `{ asOf, revoked: [{ kind: 'token' | 'session', id, until }] }` for `{ since }`: tokens (`jti`) and their sessions (`sid`) that no
   * longer count although their time is not over. Asked every two seconds. Default: tokens live until they expire.
   */
  readonly revocations?: OperationRef;
  /**
   * Takes tokens that programs bring, too, for users who have agreed to some of what they may do: such a token opens what has the policy
   * `'user'` only with the scope `user`. The operation of `keys` also says the issuer.
   */
  readonly delegated?: { readonly audience: string; readonly keys: OperationRef };
  /** Takes session cookies besides access tokens. Default: no cookies. */
  readonly session?: SessionOptions;
}

/** What {@link gateway} answers, for whom, and within which limits. */
export interface GatewayOptions<Keys extends Contract = Contract> {
  readonly expose: readonly Exposure[];
  /** Operations that answer every request below a prefix, whole; see {@link httpApp}. Default: none. */
  readonly apps?: readonly HttpApp[];
  /** Required as soon as one policy is not `anyone`. */
  readonly userTokens?: UserTokens<Keys>;
  /** Folder of static files for `/`; needs an `index.html`. */
  readonly site?: URL;
  /** Origins whose pages may call the API. Default: none but the gateway's own. */
  readonly cors?: { readonly origins: readonly string[] };
  readonly limits?: Partial<GatewayLimits>;
  /**
   * What answers and bodies may look like, the preferred one first, by `Accept` and `Content-Type`; services speak JSON all the same. Default: JSON, and
   * `Accept` means nothing.
   */
  readonly formats?: readonly Format[];
  /** Paths whose requests go to programs that are no services of the system, each with `forward(…)`. */
  readonly forward?: readonly Forwarding[];
  /** Quotas that the requests of every exposed operation take from; per user only where users sign in. Default: none. */
  readonly rates?: readonly RateLimit[];
  /**
   * Addresses and networks (`10.1.0.0/16`) of the proxies in front, whose `X-Forwarded-For` tells the client's address. Default: none, so that
   * the client is whoever connects.
   */
  readonly trustedProxies?: readonly string[];
  /**
   * Whether a request goes on with the trace that its `traceparent` names, such as that of what a user did on a page. Whoever may do that can put requests into
   * any trace whose id they know, so do it for clients that you trust; `development` does it for everybody while the system is developed, and never else.
   * Whether the trace is kept is the gateway's own decision, whatever the header says. Default `never`.
   */
  readonly continueTraces?: 'never' | 'development' | 'always';
  /** Title of the API page. Default: the system's name. */
  readonly title?: string;
  readonly description?: string;
}

/** Everything about a gateway that is known before it runs. */
export interface GatewayDefinition {
  readonly routes: readonly ExposedRoute[];
  readonly apps: readonly HttpApp[];
  readonly userTokens: UserTokens | undefined;
  readonly site: URL | undefined;
  readonly origins: readonly string[];
  readonly limits: GatewayLimits;
  readonly formats: readonly Format[] | undefined;
  readonly rates: readonly RateLimit[];
  readonly forwardings: readonly Forwarding[];
  readonly trustedProxies: readonly string[];
  readonly continueTraces: NonNullable<GatewayOptions['continueTraces']>;
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
    apps: options.apps ?? [],
    userTokens: options.userTokens as UserTokens | undefined,
    site: options.site,
    origins: options.cors?.origins ?? [],
    limits: { ...defaultLimits, ...options.limits },
    formats: options.formats,
    rates: options.rates ?? [],
    forwardings: options.forward ?? [],
    trustedProxies: options.trustedProxies ?? [],
    continueTraces: options.continueTraces ?? 'never',
    title: options.title,
    description: options.description,
  };
  const problems = [
    ...routeProblems(routes),
    ...httpAppProblems(definition.apps, routes),
    ...tokenProblems(definition),
    ...corsProblems(definition.origins),
    ...limitProblems(options.limits ?? {}),
    ...formatProblems(options.formats),
    ...rateProblems(routes, definition.rates),
    ...proxyProblems(definition.trustedProxies),
    ...routes.flatMap(({ contract, operation, policy: { cache, access } }) =>
      cache === undefined ? [] : cacheProblems(cache, { contract, operation, access }),
    ),
    ...forwardProblems(definition.forwardings, {
      routes,
      rates: definition.rates,
      signsIn: definition.userTokens !== undefined,
      hasSite: definition.site !== undefined,
    }),
    ...joinProblems(routes),
    ...siteProblems(definition),
  ];
  if (problems.length > 0) throw new TypeError(listed('gateway()', problems));
  const uses = new Set(routes.flatMap(contractsBehind));
  for (const app of definition.apps) uses.add(app.contract);
  for (const [contract] of tokenOperations(definition.userTokens)) uses.add(contract);
  return {
    kind: 'edge',
    routes: [
      ...routes.map((route) => toEdgeRoute(route, oldPathOf(route, definition.forwardings))),
      ...definition.apps.map(toAppRoute),
    ],
    hasPage: hasPage(definition),
    uses: [...uses],
    create: (edge: EdgeOptions): RunningEdge => createRunningGateway(definition, edge),
  };
}

function hasPage({ site, routes, forwardings }: GatewayDefinition): boolean {
  return (
    site !== undefined ||
    routes.some(({ operation: { method, path } }) => method === 'GET' && path === '/') ||
    forwardings.some((each) => covers(each, '/'))
  );
}

/** The contract of an exposed operation, or of the parts of a joined one. */
function contractsBehind({ contract, operation }: ExposedRoute): readonly Contract[] {
  const join = joinOf(operation);
  return join === undefined ? [contract] : Object.values(join.parts).map((part) => part.contract);
}

function oldPathOf({ operation }: ExposedRoute, forwardings: readonly Forwarding[]): string | undefined {
  return byLength(forwardings).find((each) => covers(each, operation.path))?.path;
}

/** As route lists show it. */
function toAppRoute({ prefix, contract, operation }: HttpApp): EdgeRoute {
  const path = `${prefix}/*`;
  const { name: service, version } = contract;
  return { method: '*', path, service, version, operation: operation.name, policy: 'anyone' };
}

/** What the gateway itself asks about tokens. */
function tokenOperations(userTokens: UserTokens | undefined): readonly OperationRef[] {
  if (userTokens === undefined) return [];
  const { keys, delegated, revocations, session } = userTokens;
  return [keys, delegated?.keys, revocations, session?.exchange].filter((each) => each !== undefined);
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
  const { keys, delegated, revocations } = userTokens;
  const references = { keys, 'delegated.keys': delegated?.keys, revocations };
  for (const [name, reference] of Object.entries(references)) {
    const [contract, operation] = reference ?? [];
    if (contract === undefined || operation === undefined) continue;
    if (Object.hasOwn(contract.operations, operation)) continue;
    problems.push(
      `'userTokens.${name}' names '${operation}', which '${contract.name}' does not have; it has ${Object.keys(contract.operations).join(', ')}.`,
    );
  }
  return [...problems, ...sessionProblems(userTokens.session, routes)];
}

function formatProblems(wanted: readonly Format[] | undefined): string[] {
  const problem = wanted === undefined ? undefined : formatsProblem(wanted);
  return problem === undefined ? [] : [`'formats' ${problem}`];
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
