import type { EdgeOptions, RunningEdge } from '@banyan/chassis';
import { type Destination, destinationText } from '@banyan/discovery';
import {
  createDeadlineWheel,
  createMemoryRateLimits,
  createRateLimiter,
  type RateLimiter,
} from '@banyan/resilience';
import { createAdmission } from './admission.ts';
import { type Caching, createCaching } from './caching.ts';
import { createClientAddresses } from './client-address.ts';
import { joinOf } from './composition/joined-operation.ts';
import { createRouteEndpoint } from './composition/route-endpoints.ts';
import { type Connections, createConnections } from './connections.ts';
import { createCors } from './cors.ts';
import { createEdgeServer, type EdgeServer } from './edge-server.ts';
import type { ExchangeEnvironment } from './exchange.ts';
import type { ExposedRoute } from './exposure.ts';
import { createProblemFormats } from './formats/problem-formats.ts';
import { createRouteFormats } from './formats/route-formats.ts';
import type { GatewayDefinition } from './gateway.ts';
import { createHttpAppTarget } from './http-app/http-app-target.ts';
import { createKeptAccess } from './kept-access.ts';
import { createOpenApiTarget } from './open-api-target.ts';
import { createOperationTarget } from './operation-target.ts';
import { createDocsTarget, createLivenessTarget, createReadinessTarget } from './platform-targets.ts';
import type { Priority } from './policy.ts';
import type { RateLimit } from './rate-limit.ts';
import { createRequestHandler, type RequestHandlerOptions } from './request-handler.ts';
import { createRequestSpans } from './request-span.ts';
import { createRevocations, noRevocations, type Revocations } from './revocations.ts';
import { createRouteRates } from './route-rates.ts';
import { sessionRoleOf } from './session-options.ts';
import { createServiceLimits } from './shedding.ts';
import { createStaticSite, type StaticSite } from './static-site.ts';
import type { Target } from './target.ts';
import { readEdgeCertificate } from './tls/edge-certificate.ts';
import { createTrafficWatch, type TrafficWatch } from './traffic-watch.ts';
import { answerUnreadable } from './unreadable-request.ts';
import { createForwards, type Forwards } from './upstreams/forwards.ts';
import { createShadowCall } from './upstreams/shadow-call.ts';
import { createUserAuthentication, openAuthentication } from './user-authentication.ts';
import { exposedVersions, groupVersions } from './versions/exposed-versions.ts';
import { createTraffic, type Traffic } from './versions/traffic.ts';
import { createVersionChoice } from './versions/version-choice.ts';
import { createVersionedTarget } from './versions/versioned-target.ts';

/** No I/O until `start`. */
export function createRunningGateway(definition: GatewayDefinition, options: EdgeOptions): RunningEdge {
  return new RunningGateway(definition, options);
}

const defaultStopTimeoutMs = 10_000;

class RunningGateway implements RunningEdge, ExchangeEnvironment {
  readonly cors: ExchangeEnvironment['cors'];
  readonly clients: ExchangeEnvironment['clients'];
  readonly problems: ExchangeEnvironment['problems'];
  draining = false;
  readonly endsTls: boolean;
  readonly spans: ExchangeEnvironment['spans'];
  readonly #definition: GatewayDefinition;
  readonly #options: EdgeOptions;
  readonly #site: StaticSite | undefined;
  readonly #watch: TrafficWatch;
  readonly #caching: Caching;
  readonly #traffic: Traffic;
  readonly #revocations: Revocations;
  readonly #connections: Connections = createConnections();
  readonly #forwards: Forwards;
  readonly #routes: RequestHandlerOptions['routes'];
  readonly #apps: RequestHandlerOptions['apps'];
  #server: EdgeServer | undefined = undefined;
  #starting: Promise<{ readonly url: string }> | undefined = undefined;
  #stopping: Promise<void> | undefined = undefined;

  constructor(definition: GatewayDefinition, options: EdgeOptions) {
    this.#definition = definition;
    this.#options = options;
    this.endsTls = options.tls !== undefined;
    this.spans = options.tracer && createRequestSpans(options.tracer);
    this.cors = createCors(definition.origins);
    this.problems = definition.formats && createProblemFormats(definition.formats);
    this.clients = createClientAddresses(definition.trustedProxies);
    this.#site = definition.site && createStaticSite(definition.site, { watched: options.development });
    const { clock, logger, log, policies } = options;
    this.#caching = createCaching({
      routes: definition.routes,
      maxBytes: definition.limits.maxCacheBytes,
      clock,
      logger,
      ...(log === undefined ? undefined : { log }),
      ...(policies === undefined ? undefined : { policies }),
    });
    this.#traffic = createTraffic(options);
    this.#watch = createTrafficWatch(options.clock, definition.limits);
    const [service, operation] = definition.userTokens?.revocations ?? [];
    this.#revocations =
      service === undefined || operation === undefined
        ? noRevocations
        : createRevocations({ endpoint: options.endpoint(service.name), operation, clock, logger });
    const { forwards, routes, apps } = this.#createRoutes();
    this.#apps = apps;
    this.#forwards = forwards;
    this.#routes = routes;
  }

  start(): Promise<{ readonly url: string }> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  stop(options?: { readonly timeoutMs?: number }): Promise<void> {
    this.#stopping ??= this.#stop(options?.timeoutMs ?? defaultStopTimeoutMs);
    return this.#stopping;
  }

  async #start(): Promise<{ readonly url: string }> {
    await Promise.all([this.#site?.load(), this.#traffic.ready()]);
    const server = this.#createServer();
    const url = await server.listen(this.#options.host, this.#options.port);
    this.#server = server;
    this.#watch.start();
    this.#revocations.start();
    this.#caching.start();
    return { url };
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#traffic.close();
    // A start that failed has nothing to undo, and its caller knows.
    await this.#starting?.catch(() => undefined);
    const server = this.#server;
    if (server === undefined) return;
    this.draining = true;
    server.drain();
    this.#forwards.drain();
    await this.#connections.drain(timeoutMs);
    server.close();
    this.#forwards.close();
    this.#watch.stop();
    this.#revocations.stop();
    await this.#caching.stop();
  }

  #createServer(): EdgeServer {
    const { limits } = this.#definition;
    const { tls, clock, logger } = this.#options;
    const handler = createRequestHandler({
      routes: this.#routes,
      forwards: this.#forwards,
      apps: this.#apps,
      site: this.#site,
      maxHeaderBytes: limits.maxHeaderBytes,
      cors: this.cors,
      admission: createAdmission(limits),
      connections: this.#connections,
      exchanges: this.#watch.exchanges,
      environment: this,
      logger: this.#options.logger,
    });
    return createEdgeServer({
      limits,
      takesWebSockets: this.#forwards.takesWebSockets,
      handler,
      connections: this.#connections,
      clock,
      certificate: tls && readEdgeCertificate(tls, { clock, logger }),
      onUnreadable: (error, socket) =>
        answerUnreadable(error, this.#connections.of(socket), this.#watch.exchanges),
    });
  }

  #createRoutes(): Pick<RequestHandlerOptions, 'routes' | 'forwards' | 'apps'> {
    const { routes, apps, userTokens, limits, rates, forwardings } = this.#definition;
    const { endpoint, clock } = this.#options;
    const limiter = this.#createLimiter();
    const services = createServiceLimits({ clock, maximum: 2 * limits.maxConcurrentRequests });
    const authentication =
      userTokens === undefined
        ? openAuthentication
        : createUserAuthentication({
            userTokens,
            endpoint,
            clock,
            isRevoked: (token) => this.#revocations.isRevoked(token),
          });
    const environment = { clock, wheel: createDeadlineWheel({ clock }) };
    const ratesOf = (route: string, own: readonly RateLimit[], cost: number) =>
      createRouteRates({ route, limits: [...rates, ...own], cost, limiter });
    const forwards = createForwards({
      forwardings,
      authentication,
      ratesOf,
      traffic: this.#traffic,
      environment,
      edge: this.#options,
    });
    const { logger } = this.#options;
    const caching = this.#caching;
    const traffic = this.#traffic;
    const shared = { routes, endpoint, limiter, services, caching, traffic, environment, clock, logger };
    // A version that is slow must not cost another one its share.
    const sheddingOf = (
      { contract, operation, policy }: ExposedRoute,
      to: Destination,
      priority?: Priority,
    ) =>
      services.sheddingOf(
        `${contract.name} ${destinationText(to)}`,
        operation,
        // The parts of a joined answer are shed one by one.
        joinOf(operation) === undefined ? (priority ?? policy.priority ?? 'normal') : 'exempt',
      );
    const createTarget = (route: ExposedRoute, to: Destination) =>
      createOperationTarget(route, {
        endpoint: createRouteEndpoint(route, to, shared),
        authentication,
        session: sessionRoleOf(userTokens?.session, route),
        rates: ratesOf(
          `${route.operation.method} ${route.operation.path}`,
          route.policy.rates ?? [],
          route.policy.cost ?? 1,
        ),
        shedding: sheddingOf(route, to),
        cache: this.#caching.cacheOf(route, to),
        onChange: (path, location) => this.#caching.changed(path, location),
        formats: createRouteFormats(route.operation, route.policy.formats ?? this.#definition.formats),
        limits,
        environment,
      });
    const createShadow = (route: ExposedRoute, to: Destination) =>
      createShadowCall(route, {
        endpoint: createRouteEndpoint(route, to, shared),
        authentication,
        rates: createRouteRates({
          route: `${route.operation.method} ${route.operation.path}`,
          limits: route.policy.rates ?? [],
          cost: route.policy.cost ?? 1,
          limiter,
        }),
        // Nobody waits for it.
        shedding: sheddingOf(route, to, 'low'),
        isAllowed: createKeptAccess(route.operation, this.#options.policies),
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
      const target = forwards.replacing(own, { operation, choice, createShadow });
      return { method: operation.method, path: operation.path, target };
    });
    const platform = this.#platformTargets().map((target) => ({ method: 'GET', path: target.route, target }));
    return {
      forwards,
      routes: [...operations, ...platform],
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

  #createLimiter(): RateLimiter {
    const { state, clock, logger } = this.#options;
    return createRateLimiter({
      store: state?.rates ?? createMemoryRateLimits({ clock }),
      clock,
      onStoreChange({ answers, error }) {
        if (answers) logger.info('rate limits are shared again');
        else logger.warn('rate limits are not shared: their store does not answer', { error });
      },
    });
  }

  #platformTargets(): readonly Target[] {
    return [
      createLivenessTarget(),
      createReadinessTarget(this.#options, () => this.draining),
      createOpenApiTarget(this.#definition, this.#options.systemName, this.#traffic),
      createDocsTarget(this.#definition, this.#options.systemName, this.#traffic),
    ];
  }
}
