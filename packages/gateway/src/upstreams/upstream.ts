import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '@banyan/core';
import {
  type CircuitBreaker,
  type CircuitState,
  createCircuitBreaker,
  type DeadlineWheel,
} from '@banyan/resilience';
import { UpstreamConnection } from './upstream-connection.ts';

export interface UpstreamOptions {
  readonly url: URL;
  readonly connectTimeoutMs: number;
  readonly maxConnections: number;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly onCircuit: (upstream: Upstream, to: CircuitState) => void;
}

/** Shorter than the five seconds after which many servers close theirs: a request must not meet a connection that is being closed. */
const maxIdleMs = 4_000;

/** One server that requests are forwarded to: its connections, and whether it answers. */
export interface Upstream {
  /** `host:port`, for logs and metrics. */
  readonly name: string;
  /** The `Host` that it knows itself by. */
  readonly host: string;
  readonly breaker: CircuitBreaker;
  /** Connections that carry something now. */
  readonly inFlight: number;
  readonly isFull: boolean;
  /** An idle connection, or a new one that is not connected yet. @param fresh not one that was used before */
  take(fresh: boolean): UpstreamConnection;
  /** @param reusable the connection is in a known state, and may carry another request */
  release(connection: UpstreamConnection, reusable: boolean): void;
  /** Ends idle connections. */
  close(): void;
}

export function createUpstream(options: UpstreamOptions): Upstream {
  return new HttpUpstream(options);
}

class HttpUpstream implements Upstream {
  readonly name: string;
  readonly host: string;
  readonly breaker: CircuitBreaker;
  readonly #options: UpstreamOptions;
  readonly #open: (reads: OnReadOpts) => Socket;
  /** The one used last is at the end: the others grow old and go. */
  readonly #idle: UpstreamConnection[] = [];
  #sweeping: (() => void) | undefined = undefined;
  #closed = false;
  inFlight = 0;

  constructor(options: UpstreamOptions) {
    const { url, clock, onCircuit } = options;
    this.#options = options;
    const secure = url.protocol === 'https:';
    const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
    const hostname = url.hostname.replace(/^\[|\]$/g, '');
    this.name = `${url.hostname}:${port}`;
    this.host = url.host;
    this.#open = (reads) => openSocket({ hostname, port, secure }, reads);
    this.breaker = createCircuitBreaker({
      clock,
      name: 'The upstream',
      onTransition: ({ to }) => onCircuit(this, to),
    });
  }

  get isFull(): boolean {
    return this.inFlight >= this.#options.maxConnections;
  }

  take(fresh: boolean): UpstreamConnection {
    const connection = (fresh ? undefined : this.#takeIdle()) ?? this.#connect();
    connection.isBusy = true;
    this.inFlight += 1;
    return connection;
  }

  release(connection: UpstreamConnection, reusable: boolean): void {
    connection.takeBack();
    this.#countOut(connection);
    if (!reusable || this.#closed || connection.socket.destroyed) {
      connection.socket.destroy();
      return;
    }
    connection.used = true;
    connection.idleSinceMs = this.#options.clock.nowMs();
    this.#idle.push(connection);
    this.#sweeping ??= this.#options.clock.setTimer(() => this.#sweep(), 1_000);
  }

  close(): void {
    this.#closed = true;
    this.#sweeping?.();
    for (const { socket } of this.#idle.splice(0)) socket.destroy();
  }

  /** Once, although a connection that breaks is given back, too. */
  #countOut(connection: UpstreamConnection): void {
    if (connection.isBusy) this.inFlight -= 1;
    connection.isBusy = false;
  }

  #takeIdle(): UpstreamConnection | undefined {
    const oldestMs = this.#options.clock.nowMs() - maxIdleMs;
    for (let found = this.#idle.pop(); found !== undefined; found = this.#idle.pop()) {
      if (!found.socket.destroyed && found.idleSinceMs >= oldestMs) return found;
      found.socket.destroy();
    }
    return undefined;
  }

  #connect(): UpstreamConnection {
    const { connectTimeoutMs, wheel, clock, url } = this.#options;
    return new UpstreamConnection({
      open: this.#open,
      connectedBy: url.protocol === 'https:' ? 'secureConnect' : 'connect',
      connectTimeoutMs,
      nowMs: clock.nowMs(),
      wheel,
      onClose: (connection) => this.#forget(connection),
    });
  }

  #forget(connection: UpstreamConnection): void {
    this.#countOut(connection);
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  #sweep(): void {
    const oldestMs = this.#options.clock.nowMs() - maxIdleMs;
    const kept = this.#idle.findIndex((connection) => connection.idleSinceMs >= oldestMs);
    for (const { socket } of this.#idle.splice(0, kept < 0 ? this.#idle.length : kept)) socket.destroy();
    this.#sweeping =
      this.#idle.length === 0 ? undefined : this.#options.clock.setTimer(() => this.#sweep(), 1_000);
  }
}

interface Address {
  readonly hostname: string;
  readonly port: number;
  readonly secure: boolean;
}

function openSocket({ hostname, port, secure }: Address, reads: OnReadOpts): Socket {
  const options = { host: hostname, port, noDelay: true, keepAlive: true };
  if (!secure) return connectTcp({ ...options, onread: reads });
  return connectTls({
    ...options,
    ALPNProtocols: ['http/1.1'],
    ...(isIP(hostname) === 0 ? { servername: hostname } : undefined),
  });
}
