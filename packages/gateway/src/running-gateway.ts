import type { EdgeOptions, RunningEdge } from '@banyan/chassis';
import { createAdmission } from './admission.ts';
import { type Caching, createCaching } from './caching.ts';
import { createClientAddresses } from './client-address.ts';
import { type Connections, createConnections } from './connections.ts';
import { createCors } from './cors.ts';
import { createEdgeServer, type EdgeServer } from './edge-server.ts';
import type { ExchangeEnvironment } from './exchange.ts';
import { createProblemFormats } from './formats/problem-formats.ts';
import type { GatewayDefinition } from './gateway.ts';
import { createGatewayMetrics, type GatewayMetrics } from './gateway-metrics.ts';
import { createGatewayRoutes } from './gateway-routes.ts';
import { createOpenApiTarget } from './open-api-target.ts';
import { createDocsTarget, createLivenessTarget, createReadinessTarget } from './platform-targets.ts';
import { createRequestHandler, type RequestHandlerOptions } from './request-handler.ts';
import { createRequestLog } from './request-log.ts';
import { createRequestSpans } from './request-span.ts';
import { createRevocations, noRevocations, type Revocations } from './revocations.ts';
import { createStaticSite, type StaticSite } from './static-site.ts';
import type { Target } from './target.ts';
import { readEdgeCertificate } from './tls/edge-certificate.ts';
import { createTrafficWatch, type TrafficWatch } from './traffic-watch.ts';
import { answerUnreadable } from './unreadable-request.ts';
import type { Forwards } from './upstreams/forwards.ts';
import { createTraffic, type Traffic } from './versions/traffic.ts';
import { createVersionMonitor, type VersionMonitor } from './versions/version-monitor.ts';

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
  readonly continuesTraces: boolean;
  readonly #definition: GatewayDefinition;
  readonly #options: EdgeOptions;
  readonly #site: StaticSite | undefined;
  readonly #metrics: GatewayMetrics;
  readonly #watch: TrafficWatch;
  readonly #caching: Caching;
  readonly #traffic: Traffic;
  readonly #monitor: VersionMonitor;
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
    const { continueTraces } = definition;
    this.continuesTraces =
      continueTraces === 'always' || (continueTraces === 'development' && options.development);
    this.cors = createCors(definition.origins);
    this.problems = definition.formats && createProblemFormats(definition.formats);
    this.clients = createClientAddresses(definition.trustedProxies);
    this.#site = definition.site && createStaticSite(definition.site, { watched: options.development });
    const { clock, logger, log, policies, metrics } = options;
    this.#metrics = createGatewayMetrics({
      metrics,
      routeCount: definition.routes.length + definition.apps.length + definition.forwardings.length,
      active: () => this.#watch.exchanges.size,
    });
    this.#caching = createCaching({
      routes: definition.routes,
      maxBytes: definition.limits.maxCacheBytes,
      clock,
      logger,
      onOutcome: ({ path }, outcome) => this.#metrics.cached(path, outcome),
      ...(log === undefined ? undefined : { log }),
      ...(policies === undefined ? undefined : { policies }),
    });
    this.#traffic = createTraffic(options);
    this.#monitor = createVersionMonitor({
      ...options,
      traffic: this.#traffic,
      onGoingBack: (service) => this.#metrics.wentBack(service),
    });
    this.#watch = createTrafficWatch(options.clock, definition.limits);
    const [service, operation] = definition.userTokens?.revocations ?? [];
    this.#revocations =
      service === undefined || operation === undefined
        ? noRevocations
        : createRevocations({ endpoint: options.endpoint(service.name), operation, clock, logger });
    const caching = this.#caching;
    const traffic = this.#traffic;
    const monitor = this.#monitor;
    const revocations = this.#revocations;
    const { operations, forwards, apps } = createGatewayRoutes({
      definition,
      edge: options,
      caching,
      traffic,
      monitor,
      revocations,
    });
    this.#apps = apps;
    this.#forwards = forwards;
    this.#routes = [
      ...operations,
      ...this.#platformTargets().map((target) => ({ method: 'GET', path: target.route, target })),
    ];
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
    this.#monitor.start();
    this.#revocations.start();
    this.#caching.start();
    return { url };
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#traffic.close();
    // A start that failed has nothing to undo, and its caller knows.
    await this.#starting?.catch(() => undefined);
    this.#monitor.stop();
    const server = this.#server;
    if (server === undefined) return;
    const beganMs = performance.now();
    // Before clients are told to go, because they would connect anew.
    await server.drain(timeoutMs);
    this.draining = true;
    this.#forwards.drain();
    await this.#connections.drain(timeoutMs - (performance.now() - beganMs));
    server.close();
    this.#forwards.close();
    this.#watch.stop();
    this.#revocations.stop();
    await this.#caching.stop();
    this.#metrics.stop();
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
      logger,
      record: createRequestLog(logger, this.#metrics),
    });
    return createEdgeServer({
      limits,
      takesWebSockets: this.#forwards.takesWebSockets,
      handler,
      connections: this.#connections,
      clock,
      certificate: tls && readEdgeCertificate(tls, { clock, logger }),
      onUnreadable: (error, socket) => {
        this.#metrics.unreadable();
        answerUnreadable(error, this.#connections.of(socket), this.#watch.exchanges);
      },
    });
  }

  #platformTargets(): readonly Target[] {
    return [
      createLivenessTarget(),
      createReadinessTarget(this.#options, () => this.#stopping !== undefined),
      createOpenApiTarget(this.#definition, this.#options.systemName, this.#traffic),
      createDocsTarget(this.#definition, this.#options.systemName, this.#traffic),
    ];
  }
}
