import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ServiceCertificates, ServiceIdentity, ServiceTokens } from '@banyan/auth';
import { isServiceError, type Logger, ServiceError, toProblem } from '@banyan/core';
import type { CallEnvironment } from '../call-context.ts';
import type { Endpoint } from '../endpoint.ts';
import { bearerToken } from '../http/call-headers.ts';
import type { ServerMetrics } from '../server-metrics.ts';
import { checkPeer } from '../tls.ts';
import { laneProtocol } from './frame.ts';
import { createServerLink, type ServerLink } from './server-link.ts';

export interface LaneServerOptions {
  readonly endpoint: Endpoint;
  readonly tokens: ServiceTokens;
  readonly certificates: ServiceCertificates | undefined;
  readonly environment: CallEnvironment;
  readonly logger: Logger;
  readonly maxMessageBytes: number;
  readonly maxCallsPerLink: number;
  readonly metrics: ServerMetrics | undefined;
  /** See `ServiceServerOptions`. */
  readonly onRefused: ((refusal: ServiceError, address: string | undefined) => void) | undefined;
}

/** The callee's side of all lanes to one service. */
export interface LaneServer {
  /** Takes over a connection that asks for an upgrade; answers it with an HTTP error if it may not have one. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Tells callers to make no new calls here; resolves when those in flight are answered and every link is closed. */
  stop(): Promise<void>;
  /** Closes every link at once; calls in flight are cancelled. */
  destroy(): void;
}

export function createLaneServer(options: LaneServerOptions): LaneServer {
  return new UpgradeLaneServer(options);
}

class UpgradeLaneServer implements LaneServer {
  readonly #options: LaneServerOptions;
  readonly #links = new Set<ServerLink>();
  #isStopping = false;

  constructor(options: LaneServerOptions) {
    this.#options = options;
  }

  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', (error) => this.#options.logger.debug('a lane connection failed', { error }));
    this.#accept(request, socket, head).catch((error) => {
      if (isServiceError(error) && error.code === 'unauthenticated')
        this.#options.onRefused?.(error, request.socket.remoteAddress);
      refuse(socket, error);
    });
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([...this.#links].map((link) => link.drain()));
  }

  destroy(): void {
    for (const link of this.#links) link.destroy();
  }

  async #accept(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (request.headers.upgrade?.toLowerCase() !== laneProtocol) throw notALane();
    const { tokens, certificates } = this.#options;
    const identity: ServiceIdentity = await tokens.verify(bearerToken(request.headers.authorization));
    checkPeer(socket, identity.service, certificates);
    if (socket.destroyed) return;
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${laneProtocol}\r\n\r\n`,
    );
    const link = createServerLink(this.#options, socket, identity);
    this.#links.add(link);
    socket.on('close', () => this.#links.delete(link));
    if (head.length > 0) socket.unshift(head);
    // The stop began while the token was verified.
    if (this.#isStopping) void link.drain();
  }
}

function notALane(): ServiceError {
  return new ServiceError(`This port upgrades to ${laneProtocol} alone.`, {
    code: 'invalid_argument',
    reason: 'malformed_request',
  });
}

function refuse(socket: Duplex, error: unknown): void {
  const problem = toProblem(error);
  const phrase = isServiceError(error) && error.status === 401 ? 'Unauthorized' : 'Bad Request';
  const body = JSON.stringify(problem);
  const head = `HTTP/1.1 ${problem.status} ${phrase}\r\ncontent-type: application/problem+json\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
  socket.once('finish', () => socket.destroy());
}
