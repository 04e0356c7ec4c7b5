import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ServiceCertificates, ServiceTokens } from '@banyan/auth';
import type { Operation } from '@banyan/contract';
import {
  type Clock,
  type Logger,
  type ServiceError,
  silentLogger,
  systemClock,
  type TraceContext,
} from '@banyan/core';
import { createDeadlineWheel } from '@banyan/resilience';
import type { Metrics } from '@banyan/telemetry';
import type { CallEnvironment } from './call-context.ts';
import type { Endpoint } from './endpoint.ts';
import { answerClientError } from './http/client-error.ts';
import { createOperationServer, type OperationServer } from './http/operation-server.ts';
import { createLaneServer, type LaneServer } from './lane/lane-server.ts';
import { listenOn, stopListening } from './listen.ts';
import { type Health, PlatformPages } from './platform-pages.ts';
import { createProbeServer, type ProbeServer } from './probe-server.ts';
import { createServerMetrics, type ServerMetrics } from './server-metrics.ts';
import { serverTls } from './tls.ts';

/** What one service accepts at most. Times in milliseconds. */
export interface ServerLimits {
  /** Largest JSON body in bytes. Default 1 MiB. */
  readonly maxJsonBytes?: number;
  /** Arrays and objects inside each other in a JSON body. Default 64. */
  readonly maxJsonDepth?: number;
  /** Default 16 KiB. */
  readonly maxHeaderBytes?: number;
  /** Default 8 KiB. */
  readonly maxUrlBytes?: number;
  /** Time in which the headers of a request must arrive. Default 10,000. */
  readonly headersTimeoutMs?: number;
  /** Time in which a whole request must arrive. Default 300,000. */
  readonly requestTimeoutMs?: number;
  /** Time that an idle connection stays open. Default 65,000. */
  readonly keepAliveTimeoutMs?: number;
  /** Calls in flight on one lane. Default 4,096. */
  readonly maxCallsPerLink?: number;
}

export interface ServiceServerOptions {
  readonly endpoint: Endpoint;
  /** Proof of identity, as the service of the endpoint. */
  readonly tokens: ServiceTokens;
  /** Of the service. With them the port speaks mutual TLS and nothing else. */
  readonly certificates?: ServiceCertificates;
  /** Default `127.0.0.1`: services are not for the outside. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Health and metrics over plain HTTP, for probes that have no certificate. Default: only at `port`. */
  readonly probePort?: number;
  readonly limits?: ServerLimits;
  readonly logger?: Logger;
  /** Shown at `/metrics`, which is 404 without it. */
  readonly metrics?: Metrics;
  /** Whether the service can do its work; shown at `/health/ready`. Default: it can. */
  readonly health?: () => Promise<Health>;
  /** Told of every request, and lane, of somebody who could not prove who they are, and of their address. */
  readonly onRefused?: (refusal: ServiceError, address: string | undefined) => void;
  readonly clock?: Clock;
}

/**
 * The internal port of one service: every operation as an HTTP resource and over the lane, for whoever has a service token;
 * `GET /health/live`, `/health/ready`, `/health/startup` and `/metrics` for everyone who reaches it.
 */
export interface ServiceServer {
  /** @throws ServiceError `failed_precondition` `port_taken` */
  start(): Promise<{ readonly url: string }>;
  /**
   * Stops intake, finishes the calls in flight, closes. What is not finished after `timeoutMs` (default 8,000) is
   * cancelled and cut off. Idempotent; never rejects.
   */
  stop(options?: { readonly timeoutMs?: number }): Promise<void>;
}

/** @throws TypeError if two operations share a route */
export function createServiceServer(options: ServiceServerOptions): ServiceServer {
  return new HttpServiceServer(options);
}

/** Callers that have not heard of the stop yet get this long to send their last request on a connection they have. */
const lastRequestGraceMs = 100;

class HttpServiceServer implements ServiceServer {
  readonly #options: ServiceServerOptions;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #operations: OperationServer;
  readonly #lane: LaneServer;
  readonly #serverMetrics: ServerMetrics | undefined;
  readonly #pages: PlatformPages;
  readonly #probes: ProbeServer | undefined;
  readonly #sockets = new Set<Socket>();
  #endRenewals = () => {};
  #stopped: Promise<void> | undefined;
  /** Takes no more connections, and ends those that there are. */
  #isDraining = false;

  constructor(options: ServiceServerOptions) {
    const { endpoint, tokens, certificates, limits = {}, metrics } = options;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    const environment: CallEnvironment = {
      clock: this.#clock,
      wheel: createDeadlineWheel({ clock: this.#clock }),
    };
    this.#serverMetrics = metrics === undefined ? undefined : createServerMetrics(metrics, endpoint.contract);
    this.#operations = createOperationServer({
      endpoint,
      tokens,
      certificates,
      environment,
      json: { maxBytes: limits.maxJsonBytes ?? 1_048_576, maxDepth: limits.maxJsonDepth ?? 64 },
      maxUrlBytes: limits.maxUrlBytes ?? 8_192,
      logger: this.#logger,
      onAnswered: this.#onAnswered,
      onRefused: options.onRefused,
    });
    this.#lane = createLaneServer({
      endpoint,
      tokens,
      certificates,
      environment,
      logger: this.#logger,
      maxMessageBytes: limits.maxJsonBytes ?? 1_048_576,
      maxCallsPerLink: limits.maxCallsPerLink ?? 4_096,
      metrics: this.#serverMetrics,
      onRefused: options.onRefused,
    });
    this.#pages = new PlatformPages({ service: endpoint.contract.name, metrics, health: options.health });
    const { host = '127.0.0.1', probePort } = options;
    this.#probes =
      probePort === undefined ? undefined : createProbeServer(this.#pages, { host, port: probePort });
    this.#server =
      certificates === undefined ? createServer(httpOptions(limits)) : this.#createTlsServer(certificates);
    this.#server.on('request', this.#onRequest);
    this.#server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head));
    this.#server.on('clientError', answerClientError);
  }

  async start(): Promise<{ readonly url: string }> {
    const { host = '127.0.0.1', port = 0, certificates } = this.#options;
    await this.#probes?.start();
    try {
      const address = await listenOn(this.#server, { host, port });
      return { url: `${certificates === undefined ? 'http' : 'https'}://${address}` };
    } catch (error) {
      this.#probes?.stop();
      throw error;
    }
  }

  stop(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#stopped ??= this.#stop(options.timeoutMs ?? 8_000);
    return this.#stopped;
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#endRenewals();
    if (!this.#server.listening) return;
    const cancelTimer = this.#clock.setTimer(() => {
      this.#lane.destroy();
      this.#server.closeAllConnections();
      for (const socket of this.#sockets) socket.destroy();
    }, timeoutMs);
    const drained = this.#lane.stop();
    const closed = once(this.#server, 'close');
    // Before callers over HTTP are told to go, because they would connect anew.
    await stopListening(this.#server, timeoutMs);
    this.#isDraining = true;
    // Before the request is served: its response must not invite the next one.
    this.#server.prependListener('request', (_, response: ServerResponse) =>
      response.setHeader('connection', 'close'),
    );
    this.#closeIdleAfter(Math.min(timeoutMs, lastRequestGraceMs));
    await Promise.all([closed, drained]);
    this.#probes?.stop();
    cancelTimer();
  }

  #closeIdleAfter(graceMs: number): void {
    const beganMs = this.#clock.nowMs();
    const close = () => {
      // While the process, or the whole machine, stood still, no caller could be heard.
      if (this.#clock.nowMs() - beganMs > 2 * graceMs + 50) this.#closeIdleAfter(graceMs);
      else this.#server.close();
    };
    // Timers come before sockets in a turn, and a request that has arrived is to be read first.
    this.#clock.setTimer(() => setImmediate(close), graceMs);
  }

  #createTlsServer(certificates: ServiceCertificates): TlsServer {
    const server = createTlsServer({
      ...httpOptions(this.#options.limits ?? {}),
      ...serverTls(certificates),
    });
    server.on('tlsClientError', (error, socket) =>
      this.#logger.debug('a connection was refused in its handshake', {
        error,
        address: socket.remoteAddress,
      }),
    );
    // One that does not get through its handshake is none of the HTTP server's connections yet.
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#endRenewals = certificates.onRenewal(() => server.setSecureContext(serverTls(certificates)));
    return server;
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (!this.#pages.serve(request, response)) this.#operations.serve(request, response);
  };

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#stopped !== undefined) socket.destroy();
    else this.#lane.accept(request, socket, head);
  }

  readonly #onAnswered = (
    operation: Operation | undefined,
    response: ServerResponse,
    { startedAtMs, trace }: { readonly startedAtMs: number; readonly trace: TraceContext | undefined },
  ): void => {
    this.#serverMetrics?.answered('http', operation, {
      status: response.writableFinished ? response.statusCode : 499,
      durationMs: this.#clock.nowMs() - startedAtMs,
      trace,
    });
    // Its connection stays open if the answer had begun before the stop. Not at once: others may have a request on its way.
    if (this.#isDraining && response.getHeader('connection') !== 'close')
      this.#closeIdleAfter(lastRequestGraceMs);
  };
}

function httpOptions(limits: ServerLimits) {
  return {
    handshakeTimeout: limits.headersTimeoutMs ?? 10_000,
    maxHeaderSize: limits.maxHeaderBytes ?? 16_384,
    headersTimeout: limits.headersTimeoutMs ?? 10_000,
    requestTimeout: limits.requestTimeoutMs ?? 300_000,
    keepAliveTimeout: limits.keepAliveTimeoutMs ?? 65_000,
    connectionsCheckingInterval: Math.min(limits.headersTimeoutMs ?? 10_000, 5_000),
    noDelay: true,
  };
}
