import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Server as Listener, Socket } from 'node:net';
import { isServiceError, type Logger } from '@banyan/core';
import { createRouter, type Route, type Router, routeError, urlTooLong, writeProblem } from '@banyan/rpc';
import { admit, type ConsoleAccess, checkOrigin } from './access.ts';
import { apiRoutes, type Target } from './api-routes.ts';
import { operationsApi } from './contract/operations-contract.ts';
import { telemetryApi } from './contract/telemetry-contract.ts';
import type { OperationsHandlers, TelemetryHandlers } from './handlers.ts';
import { listenForConsole } from './listener.ts';
import { mcpRoute } from './mcp.ts';
import { consoleOpenApi } from './open-api.ts';
import { loadSite, type Site } from './site.ts';

export interface ConsoleServerOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** What `listenForConsole` has opened: the server takes it over, `host` and `port` do not matter. */
  readonly listener?: Listener;
  /** Connections that `listener` has accepted before: they are served, too. Called once, when the server listens. */
  readonly early?: () => readonly Socket[];
  readonly access: ConsoleAccess;
  /** Of Banyan, for the document of the API. */
  readonly version: string;
  /** What is missing answers `not_offered`. */
  readonly telemetry: Partial<TelemetryHandlers>;
  readonly operations: Partial<OperationsHandlers>;
  /** Folder of the built front end. Default: the API alone. */
  readonly site?: URL;
  /** More that is served, such as OTLP. */
  readonly routes?: readonly Route<Target>[];
  readonly logger: Logger;
}

/** The HTTP server of the console. */
export interface ConsoleServer {
  /** Resolves with its address, `http://127.0.0.1:8090`. @throws ServiceError `failed_precondition` `port_taken` */
  start(): Promise<string>;
  /** Ends open connections. Idempotent. */
  stop(): Promise<void>;
}

export function createConsoleServer(options: ConsoleServerOptions): ConsoleServer {
  return new HttpConsole(options);
}

const maxUrlBytes = 16_384;
const headers = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  // Files of the page say otherwise.
  'cache-control': 'no-store',
} as const;

class HttpConsole implements ConsoleServer {
  readonly #options: ConsoleServerOptions;
  readonly #router: Router<Target>;
  readonly #server: Server;
  #site: Site | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: ConsoleServerOptions) {
    this.#options = options;
    const document = JSON.stringify(consoleOpenApi(options.version));
    this.#router = createRouter<Target>([
      ...apiRoutes(telemetryApi, options.telemetry),
      ...apiRoutes(operationsApi, options.operations),
      ...(options.routes ?? []),
      mcpRoute(options),
      {
        method: 'GET',
        path: '/api/openapi.json',
        target: async ({ response }) => {
          response.writeHead(200, { 'content-type': 'application/json' }).end(document);
        },
      },
    ]);
    this.#server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => this.#refuse(response, error));
    });
  }

  async start(): Promise<string> {
    const { site, listener = await listenForConsole(this.#options) } = this.#options;
    if (site !== undefined) this.#site = await loadSite(site);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(listener, resolve);
    });
    this.#server.ref();
    for (const socket of this.#options.early?.() ?? []) this.#server.emit('connection', socket);
    const { address, family, port: taken } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`;
  }

  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    return this.#stopped;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const url = request.url ?? '/';
    if (url.length > maxUrlBytes) throw urlTooLong();
    const queryAt = url.indexOf('?');
    const path = queryAt === -1 ? url : url.slice(0, queryAt);
    const found = this.#router.find(request.method ?? '', path);
    if (await this.#signIn(request, response)) return;
    const by = await admit(request, this.#options.access);
    if (found.kind === 'match') {
      const gone = new AbortController();
      response.on('close', () => gone.abort());
      await found.target({
        request,
        response,
        params: found.params,
        query: queryAt === -1 ? '' : url.slice(queryAt + 1),
        asker: { by, signal: gone.signal, isAdmitted: () => this.#isAdmitted(request) },
      });
      return;
    }
    const isPage = found.kind === 'none' && (request.method === 'GET' || request.method === 'HEAD');
    if (isPage && !path.startsWith('/api/') && this.#site?.serve(path, response)) return;
    throw routeError(found);
  }

  /** Whether the session of a request that goes on and on still lasts. */
  #isAdmitted(request: IncomingMessage): boolean {
    const { access } = this.#options;
    if (access.kind === 'loopback' || request.headers.authorization !== undefined) return true;
    return access.signIn?.userOf(request) !== undefined;
  }

  /** Whoever opens a page is led to where they sign in; programs are told to. @returns true if it has answered */
  async #signIn(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const { access } = this.#options;
    if (access.kind === 'loopback' || access.signIn === undefined) return false;
    checkOrigin(request, access);
    if (await access.signIn.serve(request, response)) return true;
    const opensPage = request.method === 'GET' && request.headers.accept?.includes('text/html') === true;
    if (!opensPage || access.signIn.userOf(request) !== undefined) return false;
    const location = `/sign-in?to=${encodeURIComponent(request.url ?? '/')}`;
    response.writeHead(302, { location, 'cache-control': 'no-store' }).end();
    return true;
  }

  #refuse(response: ServerResponse, error: unknown): void {
    // Given up because nobody waits for it any longer.
    if (response.closed && error instanceof Error && error.name === 'AbortError') return;
    if (!isServiceError(error) || error.code === 'internal')
      this.#options.logger.error('the console could not answer', { url: response.req.url, error });
    writeProblem(response, error);
  }
}
