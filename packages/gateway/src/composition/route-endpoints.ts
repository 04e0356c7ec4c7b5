import type { Clock, Logger } from '@banyan/core';
import { type Destination, destinationText, majorOf } from '@banyan/discovery';
import type { RateLimiter } from '@banyan/resilience';
import type { CallEnvironment, Endpoint } from '@banyan/rpc';
import type { AskingRequest } from '../asking-request.ts';
import type { Caching } from '../caching.ts';
import type { ExposedRoute } from '../exposure.ts';
import { createRouteRates } from '../route-rates.ts';
import type { ServiceLimits } from '../shedding.ts';
import type { Traffic } from '../versions/traffic.ts';
import { createJoinedEndpoint, partRoute } from './joined-endpoint.ts';
import { type Join, joinOf } from './joined-operation.ts';
import { createPartCall, type PartCall } from './part-call.ts';

export interface RouteEndpointsOptions {
  readonly routes: readonly ExposedRoute[];
  /** Of the service that keeps a contract. */
  readonly endpoint: (contractName: string, to: Destination) => Endpoint;
  readonly limiter: RateLimiter;
  readonly services: ServiceLimits;
  readonly caching: Caching;
  readonly traffic: Traffic;
  readonly environment: CallEnvironment;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Whom the requests of a route are handed to: the service that keeps the operation, or what joins the answers of several. */
export function createRouteEndpoint(
  route: ExposedRoute,
  to: Destination,
  options: RouteEndpointsOptions,
): (asking: AskingRequest) => Endpoint {
  const join = joinOf(route.operation);
  if (join === undefined) {
    const kept = options.endpoint(route.contract.name, to);
    return () => kept;
  }
  const { clock, logger } = options;
  return createJoinedEndpoint({ join, route, parts: partCalls(join, options), clock, logger });
}

function partCalls(join: Join, options: RouteEndpointsOptions): Readonly<Record<string, PartCall>> {
  const { routes, endpoint, limiter, services, caching, traffic, environment } = options;
  const calls = Object.entries(join.parts).flatMap(([name, reference]) => {
    const route = partRoute(reference, routes);
    if (route === undefined) return [];
    const { contract, operation, policy } = route;
    const to = { version: majorOf(contract.version) };
    const call = createPartCall(route, {
      isOn: () => traffic.isOn(route),
      endpoint: endpoint(contract.name, to),
      // The quotas of the whole gateway were taken from when the request came.
      rates: createRouteRates({
        route: `${operation.method} ${operation.path}`,
        limits: policy.rates ?? [],
        cost: policy.cost ?? 1,
        limiter,
      }),
      shedding: services.sheddingOf(
        `${contract.name} ${destinationText(to)}`,
        operation,
        policy.priority ?? 'normal',
      ),
      cache: caching.cacheOf(route, to),
      environment,
    });
    return [[name, call] as const];
  });
  return Object.fromEntries(calls);
}
