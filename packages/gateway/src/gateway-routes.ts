import type { EdgeOptions } from '@banyan/chassis';
import { type Destination, destinationText } from '@banyan/discovery';
import {
  createDeadlineWheel,
  createMemoryRateLimits,
  createRateLimiter,
  type RateLimiter,
} from '@banyan/resilience';
import type { Route } from '@banyan/rpc';
import type { Caching } from './caching.ts';
import { joinOf } from './composition/joined-operation.ts';
import { createRouteEndpoint } from './composition/route-endpoints.ts';
import type { ExposedRoute } from './exposure.ts';
import { createRouteFormats } from './formats/route-formats.ts';
import type { GatewayDefinition } from './gateway.ts';
import { createHttpAppTarget } from './http-app/http-app-target.ts';
import { createKeptAccess } from './kept-access.ts';
import { createOperationTarget } from './operation-target.ts';
import type { Priority } from './policy.ts';
import type { RateLimit } from './rate-limit.ts';
import type { Revocations } from './revocations.ts';
import { createRouteRates } from './route-rates.ts';
import { sessionRoleOf } from './session-options.ts';
import { createServiceLimits } from './shedding.ts';
import type { Target } from './target.ts';
import { createForwards, type Forwards } from './upstreams/forwards.ts';
import { createShadowCall } from './upstreams/shadow-call.ts';
import { createUserAuthentication, openAuthentication } from './user-authentication.ts';
import { exposedVersions, groupVersions } from './versions/exposed-versions.ts';
import type { Traffic } from './versions/traffic.ts';
import { createVersionChoice } from './versions/version-choice.ts';
import type { VersionMonitor } from './versions/version-monitor.ts';
import { createVersionedTarget } from './versions/versioned-target.ts';

export interface GatewayRoutesOptions {
  readonly definition: GatewayDefinition;
  readonly edge: EdgeOptions;
  readonly caching: Caching;
  readonly traffic: Traffic;
  readonly monitor: VersionMonitor;
  readonly revocations: Revocations;
}

/** What answers the requests of one gateway. */
export interface GatewayRoutes {
  readonly operations: readonly Route<Target>[];
  readonly apps: readonly { readonly prefix: string; readonly target: Target }[];
  readonly forwards: Forwards;
}

export function createGatewayRoutes({
  definition,
  edge,
  caching,
  traffic,
  monitor,
  revocations,
}: GatewayRoutesOptions): GatewayRoutes {
  const { routes, apps, userTokens, limits, rates, forwardings, formats } = definition;
  const { endpoint, clock, logger, policies } = edge;
  const limiter = createLimiter(edge);
  const services = createServiceLimits({ clock, maximum: 2 * limits.maxConcurrentRequests });
  const authentication =
    userTokens === undefined
      ? openAuthentication
      : createUserAuthentication({
          userTokens,
          endpoint,
          clock,
          isRevoked: (token) => revocations.isRevoked(token),
        });
  const environment = { clock, wheel: createDeadlineWheel({ clock }) };
  const ratesOf = (route: string, own: readonly RateLimit[], cost: number) =>
    createRouteRates({ route, limits: [...rates, ...own], cost, limiter });
  const forwards = createForwards({
    forwardings,
    authentication,
    ratesOf,
    traffic,
    environment,
    edge,
  });
  const shared = { routes, endpoint, limiter, services, caching, traffic, environment, clock, logger };
  // A version that is slow must not cost another one its share.
  const sheddingOf = ({ contract, operation, policy }: ExposedRoute, to: Destination, priority?: Priority) =>
    services.sheddingOf(
      `${contract.name} ${destinationText(to)}`,
      operation,
      // The parts of a joined answer are shed one by one.
      joinOf(operation) === undefined ? (priority ?? policy.priority ?? 'normal') : 'exempt',
    );
  const createTarget = (route: ExposedRoute, to: Destination) =>
    createOperationTarget(route, {
      endpoint: monitor.counted(route, to, createRouteEndpoint(route, to, shared)),
      authentication,
      session: sessionRoleOf(userTokens?.session, route),
      rates: ratesOf(
        `${route.operation.method} ${route.operation.path}`,
        route.policy.rates ?? [],
        route.policy.cost ?? 1,
      ),
      shedding: sheddingOf(route, to),
      cache: caching.cacheOf(route, to),
      onChange: (path, location) => caching.changed(path, location),
      formats: createRouteFormats(route.operation, route.policy.formats ?? formats),
      limits,
      environment,
    });
  // The forwarding has taken from its own when the request came.
  const ofForwardings = new Set(forwardings.flatMap((each) => each.options.rates ?? []));
  const createShadow = (route: ExposedRoute, to: Destination) =>
    createShadowCall(route, {
      endpoint: createRouteEndpoint(route, to, shared),
      authentication,
      rates: createRouteRates({
        route: `${route.operation.method} ${route.operation.path}`,
        limits: (route.policy.rates ?? []).filter((limit) => !ofForwardings.has(limit)),
        cost: route.policy.cost ?? 1,
        limiter,
      }),
      // Nobody waits for it.
      shedding: sheddingOf(route, to, 'low'),
      isAllowed: createKeptAccess(route.operation, policies),
      environment,
    });
  const versions = exposedVersions(routes);
  const operations = groupVersions(routes).map((versioned) => {
    const [{ operation }] = versioned.routes;
    const known = versions.get(versioned.service) ?? [];
    const choice = createVersionChoice(versioned, {
      versions: known,
      traffic,
      authentication,
      random: Math.random,
    });
    const own = createVersionedTarget({
      route: operation.path,
      choice,
      hasChoice: known.length > 1,
      createTarget,
    });
    const needsUser = versioned.routes.some(({ policy }) => policy.access !== 'anyone');
    const target = forwards.replacing(own, { operation, needsUser, choice, createShadow });
    return { method: operation.method, path: operation.path, target };
  });
  return {
    forwards,
    operations,
    apps: apps.map((app) => {
      const { name } = app.contract;
      const target = createHttpAppTarget(app, {
        endpoint: endpoint(name),
        rates: ratesOf(`${app.prefix}/*`, [], 1),
        shedding: services.sheddingOf(name, app.operation, 'normal'),
        environment,
      });
      return { prefix: app.prefix, target };
    }),
  };
}

function createLimiter({ state, clock, logger }: EdgeOptions): RateLimiter {
  return createRateLimiter({
    store: state?.rates ?? createMemoryRateLimits({ clock }),
    clock,
    onStoreChange({ answers, error }) {
      if (answers) logger.info('rate limits are shared again');
      else logger.warn('rate limits are not shared: their store does not answer', { error });
    },
  });
}
