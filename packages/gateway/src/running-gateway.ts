import { createServer, type Server } from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import type { EdgeOptions, RunningEdge } from '@banyan/chassis';
import { ServiceError } from '@banyan/core';
import {
  createDeadlineWheel,
  createMemoryRateLimits,
  createRateLimiter,
  type RateLimiter,
} from '@banyan/resilience';
import type { Route } from '@banyan/rpc';
import { createAdmission } from './admission.ts';
import { type Caching, createCaching } from './caching.ts';
import { createClientAddresses } from './client-address.ts';
import { type Connections, createConnections } from './connections.ts';
import { createCors } from './cors.ts';
import type { ExchangeEnvironment } from './exchange.ts';
import type { GatewayDefinition } from './gateway.ts';
import { createOpenApiTarget } from './open-api-target.ts';
import { createOperationTarget } from './operation-target.ts';
import { createDocsTarget, createLivenessTarget, createReadinessTarget } from './platform-targets.ts';
import { createRequestHandler } from './request-handler.ts';
import { createRouteRates } from './route-rates.ts';
import { sessionRoleOf } from './session-options.ts';
import { createServiceLimits } from './shedding.ts';
import { createStaticSite, type StaticSite } from './static-site.ts';
import type { Target } from './target.ts';
import { createTrafficWatch, type TrafficWatch } from './traffic-watch.ts';
import { answerUnreadable } from './unreadable-request.ts';
import { createUserAuthentication, openAuthentication } from './user-authentication.ts';

/** No I/O until `start`. */
export function createRunningGateway(definition: GatewayDefinition, options: EdgeOptions): RunningEdge {
  return new RunningGateway(definition, options);
}

const defaultStopTimeoutMs = 10_000;

class RunningGateway implements RunningEdge, ExchangeEnvironment {
  readonly cors: ExchangeEnvironment['cors'];
  readonly clients: ExchangeEnvironment['clients'];
  draining = false;
  readonly #definition: GatewayDefinition;
  readonly #options: EdgeOptions;
  readonly #site: StaticSite | undefined;
  readonly #watch: TrafficWatch;
  readonly #caching: Caching;
  readonly #connections: Connections = createConnections();
  #server: Server | undefined = undefined;
  #starting: Promise<{ readonly url: string }> | undefined = undefined;
  #stopping: Promise<void> | undefined = undefined;

  constructor(definition: GatewayDefinition, options: EdgeOptions) {
    this.#definition = definition;
    this.#options = options;
    this.cors = createCors(definition.origins);
    this.clients = createClientAddresses(definition.trustedProxies);
    this.#site = definition.site && createStaticSite(definition.site, { watched: options.development });
    const { clock, logger, log } = options;
    this.#caching = createCaching({
      routes: definition.routes,
      maxBytes: definition.limits.maxCacheBytes,
      clock,
      logger,
      ...(log === undefined ? undefined : { log }),
    });
    this.#watch = createTrafficWatch(options.clock, definition.limits);
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
    await this.#site?.load();
    const server = this.#createServer();
    const { host, port } = this.#options;
    await listen(server, host, port);
    this.#server = server;
    this.#watch.start();
    this.#caching.start();
    const address = server.address() as AddressInfo;
    return {
      url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    };
  }

  async #stop(timeoutMs: number): Promise<void> {
    // A start that failed has nothing to undo, and its caller knows.
    await this.#starting?.catch(() => undefined);
    const server = this.#server;
    if (server === undefined) return;
    this.draining = true;
    // Of `net`, because the one of `http` closes idle connections at once, also those with a request on its way.
    NetServer.prototype.close.call(server);
    await this.#connections.drain(timeoutMs);
    server.close();
    this.#watch.stop();
    await this.#caching.stop();
  }

  #createServer(): Server {
    const { limits } = this.#definition;
    const server = createServer({
      maxHeaderSize: limits.maxHeaderBytes,
      // Node refuses a longer time for a part than for the whole.
      headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
      // The gateway says what is wrong itself, in its own words.
      requireHostHeader: false,
      noDelay: true,
    });
    server.maxConnections = limits.maxConnections;
    // Node would silently drop headers above a count; their size is limited anyway.
    server.maxHeadersCount = 0;
    const handler = createRequestHandler({
      routes: this.#routes(),
      site: this.#site,
      cors: this.cors,
      admission: createAdmission(limits),
      connections: this.#connections,
      exchanges: this.#watch.exchanges,
      environment: this,
      logger: this.#options.logger,
    });
    server.on('connection', (socket: Socket) => this.#connections.open(socket));
    server.on('request', (request, response) => handler.handle(request, response, 'none'));
    server.on('checkContinue', (request, response) => handler.handle(request, response, 'continue'));
    server.on('checkExpectation', (request, response) => handler.handle(request, response, 'unknown'));
    server.on('clientError', (error, socket) => {
      answerUnreadable(error, this.#connections.of(socket as Socket), this.#watch.exchanges);
    });
    return server;
  }

  #routes(): readonly Route<Target>[] {
    const { routes, userTokens, limits, rates } = this.#definition;
    const { endpoint, clock } = this.#options;
    const limiter = this.#createLimiter();
    const services = createServiceLimits({ clock, maximum: 2 * limits.maxConcurrentRequests });
    const authentication =
      userTokens === undefined
        ? openAuthentication
        : createUserAuthentication({ userTokens, endpoint, clock });
    const environment = { clock, wheel: createDeadlineWheel({ clock }) };
    const operations = routes.map((route) => ({
      method: route.operation.method,
      path: route.operation.path,
      target: createOperationTarget(route, {
        endpoint: endpoint(route.contract.name),
        authentication,
        session: sessionRoleOf(userTokens?.session, route),
        rates: createRouteRates({
          route: `${route.operation.method} ${route.operation.path}`,
          limits: [...rates, ...(route.policy.rates ?? [])],
          cost: route.policy.cost ?? 1,
          limiter,
        }),
        shedding: services.sheddingOf(
          route.contract.name,
          route.operation,
          route.policy.priority ?? 'normal',
        ),
        cache: this.#caching.cacheOf(route),
        onChange: (path, location) => this.#caching.changed(path, location),
        limits,
        environment,
      }),
    }));
    return [
      ...operations,
      ...this.#platformTargets().map((target) => ({ method: 'GET', path: target.route, target })),
    ];
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
      createOpenApiTarget(this.#definition, this.#options.systemName),
      createDocsTarget(this.#definition, this.#options.systemName),
    ];
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(toListenError(error, port)));
    server.listen({ host, port, backlog: 1_024 }, resolve);
  });
}

function toListenError(error: Error & { readonly code?: string }, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new ServiceError(`Port ${port} is in use by another program; choose another with PORT.`, {
    code: 'failed_precondition',
    reason: 'port_taken',
    cause: error,
  });
}
