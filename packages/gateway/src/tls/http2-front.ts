import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock } from '@banyan/core';
import type { Connections } from '../connections.ts';
import type { GatewayLimits } from '../limits.ts';
import type { Expectation, RequestHandler } from '../request-handler.ts';
import { UniformRequest, UniformResponse } from './http2-messages.ts';

/** Takes connections whose client has chosen HTTP/2. */
export interface Http2Front {
  take(socket: Socket): void;
  /** Tells every client to open no more streams; connections end when theirs have. */
  drain(): void;
}

export interface Http2FrontOptions {
  readonly limits: GatewayLimits;
  readonly handler: RequestHandler;
  readonly connections: Connections;
  readonly clock: Clock;
}

/** As many as browsers use at once. */
const maxConcurrentStreams = 100;
/** Requests that a client may take back in ten seconds, or break so that they are reset under it; a page that is left takes back a few dozen. */
const maxResets = 200;
const resetWindowMs = 10_000;
/** For the rest of a request that is answered already. */
const lingerMs = 1_000;

export function createHttp2Front(options: Http2FrontOptions): Http2Front {
  return new Front(options);
}

interface SessionState {
  readonly socket: Socket;
  resets: number;
  resetsSinceMs: number;
}

class Front implements Http2Front {
  readonly #options: Http2FrontOptions;
  readonly #server: Http2Server;
  readonly #sessions = new Map<ServerHttp2Session, SessionState>();

  constructor(options: Http2FrontOptions) {
    this.#options = options;
    this.#server = createServer({
      settings: { maxConcurrentStreams, maxHeaderListSize: options.limits.maxHeaderBytes, enablePush: false },
      maxSessionInvalidFrames: 100,
      maxHeaderListPairs: 512,
      Http2ServerRequest: UniformRequest,
      Http2ServerResponse: UniformResponse as never,
    });
    const on = (event: 'request' | 'checkContinue' | 'checkExpectation', expectation: Expectation) =>
      this.#server.on(event as 'request', (request, response) => {
        this.#handle(
          request as unknown as IncomingMessage,
          response as unknown as ServerResponse,
          expectation,
        );
      });
    on('request', 'none');
    on('checkContinue', 'continue');
    on('checkExpectation', 'unknown');
    // What a client breaks shows as the end of its session.
    this.#server.on('sessionError', () => undefined);
  }

  take(socket: Socket): void {
    this.#server.once('session', (session) => {
      this.#sessions.set(session, { socket, resets: 0, resetsSinceMs: performance.now() });
      session.on('close', () => this.#sessions.delete(session));
      session.setTimeout(this.#options.limits.keepAliveTimeoutMs, () => {
        if (this.#options.connections.of(socket).active === 0) session.close();
      });
    });
    this.#server.emit('connection', socket);
  }

  drain(): void {
    for (const session of this.#sessions.keys()) session.close();
  }

  #handle(request: IncomingMessage, response: ServerResponse, expectation: Expectation): void {
    const { stream } = request as unknown as UniformRequest;
    const { session } = stream;
    const state = session === undefined ? undefined : this.#sessions.get(session as ServerHttp2Session);
    if (session === undefined || state === undefined) return;
    stream.on('close', () => {
      if (!isWhole(response as unknown as UniformResponse))
        this.#countReset(session as ServerHttp2Session, state);
    });
    this.#endAfterAnswer(stream);
    const connection = this.#options.connections.stream(state.socket);
    this.#options.handler.handle(request, response, { expectation, connection });
  }

  /**
   * A stream whose request never ends would keep its places for as long as its connection lives. That an answer is whole, and the rest
   * of the request not needed, is what NO_ERROR says (RFC 9113, 8.1); the moment before is for clients that do not know that.
   */
  #endAfterAnswer(stream: UniformRequest['stream']): void {
    if (stream.endAfterHeaders) return;
    let cancel: (() => void) | undefined;
    stream.on('finish', () => {
      if (!stream.closed)
        cancel = this.#options.clock.setTimer(() => stream.close(constants.NGHTTP2_NO_ERROR), lingerMs);
    });
    stream.on('close', () => cancel?.());
  }

  /** Requests that are made to come to nothing cost the system more than the client, whoever resets them (CVE-2023-44487, CVE-2025-8671). */
  #countReset(session: ServerHttp2Session, state: SessionState): void {
    const nowMs = performance.now();
    if (nowMs - state.resetsSinceMs > resetWindowMs) {
      state.resetsSinceMs = nowMs;
      state.resets = 0;
    }
    state.resets += 1;
    if (state.resets > maxResets && !session.destroyed)
      session.destroy(new Error('too many requests came to nothing'), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

/** Ended by its answer, or by the gateway; everything else is the client's doing, whatever code it goes by. */
function isWhole({ stream, writableFinished, isGivenUp }: UniformResponse): boolean {
  return isGivenUp || (writableFinished && stream.rstCode === constants.NGHTTP2_NO_ERROR);
}
