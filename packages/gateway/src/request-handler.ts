import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Logger, ServiceError } from '@banyan/core';
import { createRouter, type Route, type Router, routeError } from '@banyan/rpc';
import type { Admission } from './admission.ts';
import { writeAsset } from './asset.ts';
import type { Connection, Connections } from './connections.ts';
import type { Cors } from './cors.ts';
import { Exchange, type ExchangeEnvironment } from './exchange.ts';
import { checkFraming } from './framing.ts';
import { isServerFault } from './public-error.ts';
import { parseRequestTarget } from './request-target.ts';
import type { StaticSite } from './static-site.ts';
import type { Target } from './target.ts';

export interface RequestHandlerOptions {
  readonly routes: readonly Route<Target>[];
  readonly site: StaticSite | undefined;
  readonly cors: Cors;
  readonly admission: Admission;
  readonly connections: Connections;
  /** Every exchange in progress is in here. */
  readonly exchanges: Set<Exchange>;
  readonly environment: ExchangeEnvironment;
  readonly logger: Logger;
}

/** What a client asks to know before it sends its body. */
export type Expectation = 'none' | 'continue' | 'unknown';

/** Answers every request, whatever it is. */
export interface RequestHandler {
  handle(request: IncomingMessage, response: ServerResponse, expectation: Expectation): void;
}

export function createRequestHandler(options: RequestHandlerOptions): RequestHandler {
  return new Handler(options);
}

class Handler implements RequestHandler {
  readonly #options: RequestHandlerOptions;
  readonly #router: Router<Target>;

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
    this.#router = createRouter(options.routes);
  }

  handle(request: IncomingMessage, response: ServerResponse, expectation: Expectation): void {
    const connection = this.#options.connections.of(request.socket);
    // It arrived behind something that could not be read for certain, so it may not be what its sender meant.
    if (connection.isClosing) return;
    const exchange = this.#open(request, response, connection);
    exchange.awaitsContinue = expectation === 'continue';
    try {
      checkFraming(request);
      if (expectation === 'unknown') throw unsupportedExpectation();
      const answering = this.#dispatch(exchange);
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
    const found = this.#router.find(method, path);
    if (found.kind === 'match') {
      exchange.route = found.target.route;
      if (!path.startsWith('/health/')) this.#admit(exchange);
      return found.target.handle(exchange, found.params);
    }
    this.#admit(exchange);
    if (found.kind === 'none' && this.#options.site?.has(path)) return this.#answerFile(exchange, path);
    if (found.kind === 'wrong_method' && method === 'OPTIONS')
      return this.#answerOptions(exchange, found.allow);
    throw routeError(found);
  }

  /** Probes of the system's own health do not count: they must be answered when nothing else is. */
  #admit(exchange: Exchange): void {
    this.#options.admission.enter(exchange.client);
    exchange.admitted = true;
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
      const fields = { traceId: exchange.trace.traceId, route: exchange.route, error };
      this.#options.logger.error('request failed', fields);
    }
    exchange.refuse(error);
  }

  #close(exchange: Exchange): void {
    const { connection, response, request, context, caller } = exchange;
    const wasCutOff = !response.writableFinished;
    // Whoever still works for this answer works in vain; a call that is over does not notice.
    context?.cancel(clientGone());
    exchange.onClose?.();
    connection.active -= 1;
    connection.idleSinceMs = performance.now();
    this.#options.exchanges.delete(exchange);
    if (exchange.admitted) this.#options.admission.leave(exchange.client);
    this.#options.logger.info('request', {
      method: request.method,
      route: exchange.route,
      // 499: nginx's number for a client that did not wait for the answer.
      status: wasCutOff && !response.headersSent ? 499 : response.statusCode,
      ms: Math.round((performance.now() - exchange.startedMs) * 1_000) / 1_000,
      traceId: exchange.trace.traceId,
      bytes: request.socket.bytesWritten - exchange.sentBefore,
      ...(caller?.user === undefined ? undefined : { userId: caller.user.id }),
      ...(exchange.refusedFor === undefined ? undefined : { reason: exchange.refusedFor }),
      ...(wasCutOff && response.headersSent ? { cutOff: true } : undefined),
    });
  }
}

function clientGone(): ServiceError {
  return new ServiceError('The client went away.', { code: 'cancelled', reason: 'call_cancelled' });
}

function unsupportedExpectation(): ServiceError {
  return new ServiceError('The only expectation that is met here is 100-continue.', {
    code: 'failed_precondition',
    reason: 'unsupported_expectation',
    status: 417,
  });
}
