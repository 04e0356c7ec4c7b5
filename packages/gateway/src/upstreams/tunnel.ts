import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Clock } from '@banyan/core';
import { createFrameBoundary } from './frame-boundary.ts';
import type { ConnectionUser, UpstreamConnection } from './upstream-connection.ts';

/** A WebSocket that passes through, both ways at the pace of the reader. */
export interface Tunnel {
  /** Says `1001 going away` to both sides between two frames, and ends. */
  close(): void;
}

export interface TunnelOptions {
  readonly client: Socket;
  readonly connection: UpstreamConnection;
  /** What either side has sent already, behind its part of the handshake. */
  readonly fromClient: Buffer;
  readonly fromUpstream: Buffer;
  readonly idleTimeoutMs: number;
  readonly clock: Clock;
  readonly onEnd: () => void;
}

/** How long a side may take to answer the close. */
const closeTimeoutMs = 1_000;
const goingAway = 1_001;

export function openTunnel(options: TunnelOptions): Tunnel {
  return new WebSocketTunnel(options);
}

class WebSocketTunnel implements Tunnel, ConnectionUser {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #options: TunnelOptions;
  readonly #toClient = createFrameBoundary();
  readonly #toUpstream = createFrameBoundary();
  readonly #told = new Set<Socket>();
  #closing = false;
  #ended = false;
  #movedAtMs: number;
  #cancelTimer: (() => void) | undefined = undefined;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#upstream = options.connection.socket;
    this.#movedAtMs = options.clock.nowMs();
    options.connection.lendTo(this);
    this.#client.on('data', (bytes: Buffer) => this.#pass(bytes, this.#client));
    this.#client.on('drain', () => this.#upstream.resume());
    this.#client.on('end', () => this.#end());
    this.#client.on('close', () => this.#end());
    if (options.fromUpstream.length > 0) this.onBytes(options.fromUpstream);
    if (options.fromClient.length > 0) this.#pass(options.fromClient, this.#client);
    this.#client.resume();
    this.#watch();
  }

  close(): void {
    if (this.#closing || this.#ended) return;
    this.#closing = true;
    this.#tell();
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.setTimer(() => this.#end(), closeTimeoutMs);
  }

  onConnected(): void {}

  onBytes(bytes: Buffer): boolean {
    this.#pass(bytes, this.#upstream);
    return false;
  }

  onLastByte(): void {
    this.#upstreamEnded();
  }

  onDrain(): void {
    this.#client.resume();
  }

  onBroken(): void {
    this.#upstreamEnded();
  }

  /** After a goodbye the client still has to read it. */
  #upstreamEnded(): void {
    if (!this.#closing) this.#end();
  }

  #pass(bytes: Buffer, from: Socket): void {
    if (this.#ended) return;
    const to = from === this.#client ? this.#upstream : this.#client;
    // A side that has been told goodbye gets nothing more.
    if (this.#told.has(to)) return;
    this.#movedAtMs = this.#options.clock.nowMs();
    const boundary = to === this.#client ? this.#toClient : this.#toUpstream;
    boundary.pass(bytes);
    if (!to.write(bytes)) from.pause();
    if (this.#closing) this.#tell();
  }

  #tell(): void {
    if (this.#toClient.isBetween) this.#tellOne(this.#client, closeFrame());
    if (this.#toUpstream.isBetween) this.#tellOne(this.#upstream, maskedCloseFrame());
  }

  #tellOne(socket: Socket, frame: Buffer): void {
    if (this.#told.has(socket)) return;
    this.#told.add(socket);
    socket.end(frame);
    socket.resume();
  }

  #watch(): void {
    const { clock, idleTimeoutMs } = this.#options;
    const leftMs = this.#movedAtMs + idleTimeoutMs - clock.nowMs();
    if (leftMs <= 0) this.close();
    else this.#cancelTimer = clock.setTimer(() => this.#watch(), leftMs);
  }

  /** What was written still goes out. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTimer?.();
    for (const socket of [this.#client, this.#upstream]) {
      socket.destroySoon();
      socket.resume();
    }
    // Whoever does not read what was written does not hold the sockets for ever.
    this.#options.clock.setTimer(() => {
      this.#client.destroy();
      this.#upstream.destroy();
    }, closeTimeoutMs);
    this.#options.onEnd();
  }
}

function closeFrame(): Buffer {
  return Buffer.from([0x88, 0x02, goingAway >> 8, goingAway & 0xff]);
}

/** What a client sends is masked (RFC 6455, 5.3). */
function maskedCloseFrame(): Buffer {
  const mask = randomBytes(4);
  const code = [goingAway >> 8, goingAway & 0xff];
  return Buffer.from([0x88, 0x82, ...mask, ...code.map((byte, index) => byte ^ (mask[index] ?? 0))]);
}
