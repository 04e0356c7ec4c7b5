import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type Clock, ServiceError } from '@banyan/core';
import { stopListening } from '@banyan/rpc';
import type { Connections } from './connections.ts';
import type { GatewayLimits } from './limits.ts';
import type { RequestHandler } from './request-handler.ts';
import type { EdgeCertificate } from './tls/edge-certificate.ts';
import { createHttp2Front } from './tls/http2-front.ts';
import type { UnreadableError } from './unreadable-request.ts';
import { asksForWebSocket } from './upstreams/web-socket.ts';

/** The public port: HTTP/1.1, or TLS with HTTP/2 and HTTP/1.1 behind it. */
export interface EdgeServer {
  /** @returns the address that clients use. @throws ServiceError `failed_precondition` `port_taken` */
  listen(host: string, port: number): Promise<string>;
  /**
   * Takes the connections that wait already and no more, and asks clients of HTTP/2 to go; resolves when the port is closed. Connections end as soon as
   * they are idle, which is not this one's to see to.
   * @param timeoutMs for the whole stop
   */
  drain(timeoutMs: number): Promise<void>;
  close(): void;
}

export interface EdgeServerOptions {
  readonly limits: GatewayLimits;
  readonly takesWebSockets: boolean;
  readonly handler: RequestHandler;
  readonly connections: Connections;
  readonly clock: Clock;
  /** Undefined for plain HTTP. */
  readonly certificate: EdgeCertificate | undefined;
  readonly onUnreadable: (error: UnreadableError, socket: Socket) => void;
}

export function createEdgeServer(options: EdgeServerOptions): EdgeServer {
  const http = createHttp(options);
  const { certificate } = options;
  if (certificate === undefined) return new Listening(http, http, 'http');
  return createSecure(http, certificate, options);
}

function createSecure(http: Server, certificate: EdgeCertificate, options: EdgeServerOptions): EdgeServer {
  const { limits, handler, connections, clock } = options;
  const http2 = createHttp2Front({ limits, handler, connections, clock });
  const tls = createTlsServer({
    ...certificate.current,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: limits.headersTimeoutMs,
    noDelay: true,
  });
  tls.maxConnections = limits.maxConnections;
  // Connections that are open go on with what they began with.
  const unwatch = certificate.watch((material) =>
    tls.setSecureContext({ ...material, minVersion: 'TLSv1.2' }),
  );
  // A handshake that fails is the client's to notice.
  tls.on('tlsClientError', () => undefined);
  tls.on('secureConnection', (socket) => {
    if (socket.alpnProtocol !== 'h2') {
      http.emit('connection', socket);
      return;
    }
    connections.open(socket);
    http2.take(socket);
  });
  // It never listens itself; without this its limits of time would not be watched.
  http.emit('listening');
  return new Listening(tls, http, 'https', () => {
    http2.drain();
    unwatch();
  });
}

class Listening implements EdgeServer {
  readonly #listener: NetServer;
  readonly #http: Server;
  readonly #scheme: 'http' | 'https';
  readonly #onDrain: () => void;

  constructor(
    listener: NetServer,
    http: Server,
    scheme: 'http' | 'https',
    onDrain: () => void = () => undefined,
  ) {
    this.#listener = listener;
    this.#http = http;
    this.#scheme = scheme;
    this.#onDrain = onDrain;
  }

  async listen(host: string, port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', (error) => reject(toListenError(error, port)));
      this.#listener.listen({ host, port, backlog: 1_024 }, resolve);
    });
    const { family, address, port: taken } = this.#listener.address() as AddressInfo;
    return `${this.#scheme}://${family === 'IPv6' ? `[${address}]` : address}:${taken}`;
  }

  async drain(timeoutMs: number): Promise<void> {
    await stopListening(this.#listener, timeoutMs);
    this.#onDrain();
  }

  close(): void {
    this.#http.close();
  }
}

/** Newer than the oldest types of Node that are supported. */
interface NewerOptions {
  readonly shouldUpgradeCallback: (request: IncomingMessage) => boolean;
  readonly optimizeEmptyRequests: boolean;
}

function createHttp({
  limits,
  takesWebSockets,
  handler,
  connections,
  onUnreadable,
}: EdgeServerOptions): Server {
  const options: ServerOptions & NewerOptions = {
    maxHeaderSize: limits.maxHeaderBytes,
    // Node refuses a longer time for a part than for the whole.
    headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
    // The gateway says what is wrong itself, in its own words.
    requireHostHeader: false,
    noDelay: true,
    // Where Node knows this, a request that announces no body is spared the life of a stream: nobody reads it (`hasBody`).
    optimizeEmptyRequests: true,
    // Where Node knows this (24.9), only these requests lose their place in HTTP.
    shouldUpgradeCallback: (request) => takesWebSockets && asksForWebSocket(request),
  };
  const server = createServer(options);
  server.maxConnections = limits.maxConnections;
  // Node would silently drop headers above a count; their size is limited anyway.
  server.maxHeadersCount = 0;
  server.on('connection', (socket: Socket) => connections.open(socket));
  const on = (
    event: 'request' | 'checkContinue' | 'checkExpectation',
    expectation: Parameters<RequestHandler['handle']>[2]['expectation'],
  ) =>
    server.on(event, (request, response) => {
      handler.handle(request, response, { expectation, connection: connections.of(request.socket) });
    });
  on('request', 'none');
  on('checkContinue', 'continue');
  on('checkExpectation', 'unknown');
  if (takesWebSockets)
    server.on('upgrade', (request, socket, early) => handler.upgrade(request, socket as Socket, early));
  server.on('clientError', (error, socket) => onUnreadable(error, socket as Socket));
  return server;
}

function toListenError(error: Error & { readonly code?: string }, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new ServiceError(`Port ${port} is in use by another program; choose another with PORT.`, {
    code: 'failed_precondition',
    reason: 'port_taken',
    cause: error,
  });
}
