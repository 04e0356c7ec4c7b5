import type { Socket } from 'node:net';
import type { ServiceError } from '@banyan/core';
import type { Deadline } from '@banyan/resilience';
import type { Answerer, Exchange } from '../exchange.ts';
import { isSessionCookie } from '../session-cookie.ts';
import { endsHere } from './field-rules.ts';
import type { RelayEnvironment } from './relay.ts';
import type { ResponseHead } from './response-head.ts';
import { createResponseReader, type ResponseEvents, type ResponseReader } from './response-reader.ts';
import { createResponseWriter, type ResponseWriter } from './response-writer.ts';
import { openTunnel, type Tunnel } from './tunnel.ts';
import type { Upstream } from './upstream.ts';
import type { ConnectionUser, UpstreamConnection } from './upstream-connection.ts';
import { brokenOff, invalidAnswer, unreachable, upstreamBusy, upstreamTimeout } from './upstream-errors.ts';
import { isAccepted } from './web-socket.ts';

export interface WebSocketRequest {
  readonly exchange: Exchange;
  readonly client: Socket;
  /** What the client has sent behind its request. */
  readonly early: Buffer;
  readonly head: (host: string) => string;
  readonly idleTimeoutMs: number;
  readonly onOpen: (tunnel: Tunnel) => void;
  readonly onEnd: (tunnel: Tunnel) => void;
}

/** Asks an upstream to open a WebSocket. Its 101 opens the tunnel; any other answer goes to the client as it is, and ends its connection. */
export function openWebSocket(request: WebSocketRequest, environment: RelayEnvironment): void {
  new Opening(request, environment).start();
}

class Opening implements Answerer, ConnectionUser, ResponseEvents {
  readonly #request: WebSocketRequest;
  readonly #environment: RelayEnvironment;
  readonly #answer: ResponseWriter;
  readonly #reader: ResponseReader;
  #upstream: Upstream | undefined = undefined;
  #connection: UpstreamConnection | undefined = undefined;
  #deadline: Deadline | undefined = undefined;
  #permit = 0;
  #head: ResponseHead | undefined = undefined;
  #ended = false;

  constructor(request: WebSocketRequest, environment: RelayEnvironment) {
    this.#request = request;
    this.#environment = environment;
    this.#answer = createResponseWriter(request.exchange, () => this.#connection?.socket.resume());
    this.#reader = createResponseReader({
      method: 'GET',
      maxHeaderBytes: environment.maxHeaderBytes,
      events: this,
    });
  }

  start(): void {
    const { group, wheel, clock, timeoutMs } = this.#environment;
    const { exchange } = this.#request;
    const upstream = group.pick(new Set());
    if (upstream === undefined) {
      exchange.refuse(group.first.breaker.refusal());
      return;
    }
    if (upstream.isFull) {
      exchange.refuse(upstreamBusy());
      return;
    }
    exchange.answerer = this;
    exchange.upstream = upstream.name;
    this.#upstream = upstream;
    this.#permit = upstream.breaker.admit();
    this.#deadline = wheel.add(clock.nowMs() + timeoutMs, this);
    this.#connection = upstream.take(true);
    this.#connection.lendTo(this);
  }

  onConnected(): void {
    this.#connection?.socket.write(this.#request.head(this.#upstream?.host ?? ''), 'latin1');
  }

  onBytes(bytes: Buffer): boolean {
    this.#reader.take(bytes);
    if (!this.#ended && this.#head !== undefined && !this.#answer.flush()) this.#connection?.socket.pause();
    return false;
  }

  onLastByte(): void {
    this.#reader.end();
  }

  onDrain(): void {}

  onBroken(cause: Error | undefined): void {
    this.#failed(this.#connection?.connected === true ? brokenOff(cause) : unreachable(cause), 'broke_off');
  }

  onInformation(): void {}

  onHead(head: ResponseHead): void {
    const { exchange } = this.#request;
    if (head.status === 101 && !isAccepted(head, exchange.request)) {
      this.onProblem('the WebSocket was not accepted as RFC 6455 says');
      return;
    }
    this.#upstream?.breaker.succeeded(this.#permit);
    if (this.#deadline !== undefined) this.#environment.wheel.cancel(this.#deadline);
    this.#head = head;
    if (head.status === 101) this.#open(head);
    else this.#answer.begin(head);
  }

  onData(data: Buffer): void {
    if (!this.#ended) this.#answer.write(data);
  }

  onEnd(): void {
    if (this.#ended) return;
    this.#release();
    this.#answer.end();
  }

  onProblem(problem: string): void {
    this.#failed(invalidAnswer(problem), 'invalid_answer');
  }

  expire(): void {
    this.#failed(upstreamTimeout(), 'timeout');
  }

  #open(head: ResponseHead): void {
    const { exchange, client, early, idleTimeoutMs, onOpen, onEnd } = this.#request;
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#ended = true;
    let text = 'HTTP/1.1 101 Switching Protocols\r\n';
    for (let index = 0; index < head.fields.length; index += 2) {
      const [name = '', value = ''] = [head.fields[index], head.fields[index + 1]];
      const isOurs = name === 'set-cookie' && isSessionCookie(value);
      if (!endsHere(name) && !head.named.has(name) && !isOurs) text += `${name}: ${value}\r\n`;
    }
    text += `connection: upgrade\r\nupgrade: websocket\r\nx-trace-id: ${exchange.trace.traceId}\r\n\r\n`;
    client.write(text, 'latin1');
    exchange.becomeTunnel();
    const tunnel = openTunnel({
      client,
      connection,
      fromClient: early,
      fromUpstream: this.#reader.rest(),
      idleTimeoutMs,
      clock: this.#environment.clock,
      onEnd: () => onEnd(tunnel),
    });
    exchange.answerer = undefined;
    onOpen(tunnel);
  }

  #failed(error: ServiceError, outcome: 'broke_off' | 'invalid_answer' | 'timeout'): void {
    if (this.#ended) return;
    const { logger, metrics } = this.#environment;
    const { exchange } = this.#request;
    const name = this.#upstream?.name ?? '';
    metrics.forwarded(name, outcome);
    logger.warn('upstream failed', {
      upstream: name,
      traceId: exchange.trace.traceId,
      route: exchange.route,
      outcome,
      error: error.cause,
    });
    if (this.#head === undefined)
      this.#upstream?.breaker.failed(this.#permit, outcome === 'timeout' ? 'timeout' : 'error');
    this.#release();
    this.#answer.refuse(error);
  }

  onExchangeClosed(): void {
    if (this.#ended) return;
    if (this.#head === undefined) this.#upstream?.breaker.abandoned(this.#permit);
    this.#release();
  }

  #release(): void {
    this.#ended = true;
    if (this.#deadline !== undefined) this.#environment.wheel.cancel(this.#deadline);
    if (this.#connection !== undefined) this.#upstream?.release(this.#connection, false);
    this.#connection = undefined;
  }
}
