import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Logger, ServiceError } from '@banyan/core';
import { type Route, routeError } from '@banyan/rpc';
import type { Admission } from './admission.ts';
import { writeAsset } from './asset.ts';
import type { Connection, Connections } from './connections.ts';
import type { Cors } from './cors.ts';
import { Exchange, type ExchangeEnvironment } from './exchange.ts';
import type { ExchangeList } from './exchange-list.ts';
import { checkFraming, hasBody } from './framing.ts';
import { isBelow } from './http-app/http-app.ts';
import { isServerFault } from './public-error.ts';
import { parseRequestTarget } from './request-target.ts';
import { createRouteFinder, type RouteFinder } from './route-finder.ts';
import type { StaticSite } from './static-site.ts';
import type { Target } from './target.ts';
import type { Forwards } from './upstreams/forwards.ts';
import { asksForWebSocket } from './upstreams/web-socket.ts';

export interface RequestHandlerOptions {
  readonly routes: readonly Route<Target>[];
  /** Answers what no route is for. */
  readonly forwards: Forwards;
  readonly apps: readonly { readonly prefix: string; readonly target: Target }[];
  readonly site: StaticSite | undefined;
  readonly maxHeaderBytes: number;
  readonly cors: Cors;
  readonly admission: Admission;
  readonly connections: Connections;
  /** Every exchange in progress is in here. */
  readonly exchanges: ExchangeList;
  readonly environment: ExchangeEnvironment;
  readonly logger: Logger;
  /** Notes what became of an exchange that is over. */
  readonly record: (exchange: Exchange) => void;
}

/** What a client asks to know before it sends its body. */
export type Expectation = 'none' | 'continue' | 'unknown';

export interface Circumstances {
  readonly expectation: Expectation;
  /** That it came on. */
  readonly connection: Connection;
}

/** Answers every request, whatever it is. */
export interface RequestHandler {
  handle(request: IncomingMessage, response: ServerResponse, circumstances: Circumstances): void;
  /** Answers a request that asks for another protocol. Node has left the connection to whoever takes it. @param early bytes behind the request */
  upgrade(request: IncomingMessage, socket: Socket, early: Buffer): void;
}

export function createRequestHandler(options: RequestHandlerOptions): RequestHandler {
  return new Handler(options);
}

class Handler implements RequestHandler {
  readonly #options: RequestHandlerOptions;
  readonly #finder: RouteFinder;

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
    this.#finder = createRouteFinder(options.routes, options.site);
  }

  handle(
    request: IncomingMessage,
    response: ServerResponse,
    { expectation, connection }: Circumstances,
  ): void {
    // It arrived behind something that could not be read for certain, so it may not be what its sender meant.
    if (connection.isClosing) return;
    const exchange = this.#open(request, response, connection);
    // Node loses what was sent together with a request that offers another protocol; so nothing may count on being read behind it.
    if (request.headers.upgrade !== undefined) connection.isClosing = true;
    exchange.awaitsContinue = expectation === 'continue';
    this.#answer(exchange, () => {
      if (expectation === 'unknown') throw unsupportedExpectation();
      return this.#dispatch(exchange);
    });
  }

  upgrade(request: IncomingMessage, socket: Socket, early: Buffer): void {
    const connection = this.#options.connections.of(socket);
    // What goes wrong with it shows as its end.
    socket.on('error', () => undefined);
    if (connection.isClosing || connection.active > 0) {
      // Nobody who waits for an answer to one request asks for another protocol with the next.
      socket.destroy();
      return;
    }
    connection.isClosing = true;
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    response.on('finish', () => socket.destroySoon());
    const exchange = this.#open(request, response, connection);
    this.#answer(exchange, () => this.#dispatchUpgrade(exchange, socket, early));
  }

  #answer(exchange: Exchange, dispatch: () => Promise<void> | undefined): void {
    try {
      checkFraming(exchange.request, this.#options.maxHeaderBytes);
      const answering = dispatch();
      if (answering !== undefined) answering.catch((error: unknown) => this.#refuse(exchange, error));
    } catch (error) {
      this.#refuse(exchange, error);
    }
  }

  #open(request: IncomingMessage, response: ServerResponse, connection: Connection): Exchange {
    const { environment, exchanges } = this.#options;
    const exchange = new Exchange(request, response, { connection, environment });
    connection.active += 1;
    connection.newest = exchange;
    exchanges.add(exchange);
    response.on('close', () => this.#close(exchange));
    return exchange;
  }

  #dispatch(exchange: Exchange): Promise<void> | undefined {
    const { request } = exchange;
    const { url = '', headers, method = '' } = request;
    if (url === '*' && method === 'OPTIONS')
      return this.#answerOptions(exchange, 'GET, HEAD, POST, PUT, PATCH, DELETE');
    const { path, query } = parseRequestTarget(url, headers.host);
    exchange.path = path;
    exchange.query = query;
    const found = this.#finder.find(exchange, method);
    if (found.kind === 'match') {
      exchange.route = found.target.route;
      if (!path.startsWith('/health/')) this.#admit(exchange);
      return found.target.handle(exchange, found.params);
    }
    this.#admit(exchange);
    if (found.kind === 'wrong_method' && method === 'OPTIONS' && this.#isOwnPreflight(exchange, found.allow))
      return this.#answerOptions(exchange, found.allow);
    const app = this.#options.apps.find(({ prefix }) => isBelow(path, prefix));
    if (app !== undefined) {
      exchange.route = app.target.route;
      return method === 'OPTIONS'
        ? this.#answerOptions(exchange, 'GET, HEAD, POST')
        : app.target.handle(exchange, {});
    }
    const forwarded = this.#options.forwards.find(path);
    if (forwarded !== undefined) {
      exchange.route = forwarded.route;
      return forwarded.handle(exchange);
    }
    if (found.kind === 'none' && this.#options.site?.has(path)) return this.#answerFile(exchange, path);
    throw routeError(found);
  }

  #dispatchUpgrade(exchange: Exchange, socket: Socket, early: Buffer): Promise<void> | undefined {
    const { request } = exchange;
    const { path, query } = parseRequestTarget(request.url ?? '', request.headers.host);
    const forwarded = this.#finder.has(request.method ?? '', path)
      ? undefined
      : this.#options.forwards.find(path);
    // A client that offers a protocol is as glad of an answer in this one; its body would have been left unread.
    if (forwarded === undefined || !asksForWebSocket(request)) {
      if (hasBody(request)) throw malformedUpgrade();
      return this.#dispatch(exchange);
    }
    exchange.path = path;
    exchange.query = query;
    exchange.route = forwarded.route;
    this.#admit(exchange);
    exchange.onTunnel = () => this.#leave(exchange);
    return forwarded.upgrade(exchange, socket, early);
  }

  /** An upstream answers for the methods that it alone takes. */
  #isOwnPreflight({ request, path }: Exchange, allow: string): boolean {
    const asked = request.headers['access-control-request-method'];
    if (asked === undefined || allow.split(', ').includes(asked)) return true;
    return this.#options.forwards.find(path) === undefined;
  }

  /** Probes of the system's own health do not count: they must be answered when nothing else is. */
  #admit(exchange: Exchange): void {
    this.#options.admission.enter(exchange.client);
    exchange.admitted = true;
  }

  #leave(exchange: Exchange): void {
    if (!exchange.admitted) return;
    exchange.admitted = false;
    this.#options.admission.leave(exchange.client);
  }

  async #answerFile(exchange: Exchange, path: string): Promise<void> {
    const asset = await this.#options.site?.find(path);
    if (asset === undefined) throw routeError({ kind: 'none' });
    exchange.route = '(site)';
    const { method } = exchange.request;
    if (method === 'OPTIONS') return this.#answerOptions(exchange, 'GET, HEAD');
    if (method !== 'GET' && method !== 'HEAD') throw routeError({ kind: 'wrong_method', allow: 'GET, HEAD' });
    return writeAsset(exchange, asset, 'site');
  }

  #answerOptions(exchange: Exchange, allow: string): undefined {
    const headers = exchange.headers('api');
    headers.push(
      'allow',
      allow.includes('OPTIONS') ? allow : `${allow}, OPTIONS`,
      'cache-control',
      'no-store',
    );
    this.#options.cors.addPreflightTo(headers, exchange.request, allow);
    exchange.answer(204, headers, undefined);
    return undefined;
  }

  #refuse(exchange: Exchange, error: unknown): void {
    if (isServerFault(error) && !exchange.response.destroyed) {
      const { traceId, spanId } = exchange.trace;
      const fields = { traceId, spanId, route: exchange.route, error };
      this.#options.logger.error('request failed', fields);
    }
    exchange.refuse(error);
  }

  #close(exchange: Exchange): void {
    const { connection, context } = exchange;
    // Whoever still works for this answer works in vain; a call that is over does not notice.
    context?.cancel(clientGone());
    exchange.answerer?.onExchangeClosed();
    connection.active -= 1;
    connection.idleSinceMs = performance.now();
    this.#options.exchanges.delete(exchange);
    this.#leave(exchange);
    this.#options.record(exchange);
  }
}

function clientGone(): ServiceError {
  return new ServiceError('The client went away.', { code: 'cancelled', reason: 'call_cancelled' });
}

function malformedUpgrade(): ServiceError {
  return new ServiceError('A request for another protocol has no body.', {
    code: 'invalid_argument',
    reason: 'malformed_request',
  });
}

function unsupportedExpectation(): ServiceError {
  return new ServiceError('The only expectation that is met here is 100-continue.', {
    code: 'failed_precondition',
    reason: 'unsupported_expectation',
    status: 417,
  });
}
