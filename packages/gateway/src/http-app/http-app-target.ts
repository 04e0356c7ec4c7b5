import type { IncomingMessage } from 'node:http';
import { type CallEnvironment, createCallContext, type Endpoint } from '@banyan/rpc';
import type { Exchange } from '../exchange.ts';
import type { RouteRates } from '../route-rates.ts';
import type { HeaderList } from '../security-headers.ts';
import { withoutSession } from '../session-cookie.ts';
import type { Shedding } from '../shedding.ts';
import type { Target } from '../target.ts';
import { anonymous } from '../user-authentication.ts';
import { type AppRequest, type AppResponse, appRequestHeaders, type HttpApp } from './http-app.ts';
import { readText } from './read-text.ts';

/** Forms and tokens; whoever sends more means something else. */
const maxBodyBytes = 65_536;

export interface HttpAppTargetOptions {
  readonly endpoint: Endpoint;
  readonly rates: RouteRates;
  readonly shedding: Shedding;
  readonly environment: CallEnvironment;
}

/** Turns requests below a prefix into calls of one operation, and its outputs into answers. */
export function createHttpAppTarget(app: HttpApp, options: HttpAppTargetOptions): Target {
  return new HttpAppTarget(app, options);
}

class HttpAppTarget implements Target {
  /** The paths below may hold what nobody else should read. */
  readonly route: string;
  readonly #app: HttpApp;
  readonly #options: HttpAppTargetOptions;

  constructor(app: HttpApp, options: HttpAppTargetOptions) {
    this.route = `${app.prefix}/*`;
    this.#app = app;
    this.#options = options;
  }

  async handle(exchange: Exchange): Promise<void> {
    const { endpoint, rates, shedding, environment } = this.#options;
    exchange.access = 'anyone';
    exchange.caller = anonymous;
    shedding.check();
    await rates.atArrival(exchange);
    await rates.forCaller(exchange);
    exchange.acceptBody();
    const input = this.#toInput(exchange, await readText(exchange.request, maxBodyBytes));
    const { name, timeoutMs } = this.#app.operation;
    const context = createCallContext({
      caller: anonymous,
      timeoutMs,
      trace: exchange.trace,
      environment,
    });
    exchange.context = context;
    try {
      const output = await shedding.run(exchange, () => endpoint.call(name, input, context));
      answer(exchange, output as AppResponse);
    } finally {
      context.end();
      // As for operations: to cancel what is over would make an error, with its stack.
      exchange.context = undefined;
    }
  }

  #toInput({ request, path, query, client }: Exchange, body: string): AppRequest {
    return {
      method: request.method ?? '',
      path: path.slice(this.#app.prefix.length) || '/',
      query,
      headers: headersOf(request),
      body,
      client,
    };
  }
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const taken: Record<string, string> = {};
  for (const name of appRequestHeaders) {
    // The session of the gateway stands for an access token, which is no application's business.
    const value = name === 'cookie' ? withoutSession(headers.cookie) : headers[name];
    if (typeof value === 'string' && value !== '') taken[name] = value;
  }
  return taken;
}

/** About the connection, or what the gateway says itself. */
const notPassed =
  /^(connection|content-length|date|keep-alive|trailer|transfer-encoding|upgrade)$|^access-control-/;

/** The gateway's own headers win, but for what only an application knows: what its pages need. What it does not say stays closed. */
function answer(exchange: Exchange, { status, headers, body }: AppResponse): void {
  const given = headers.map(([name, value]) => [name.toLowerCase(), value] as const);
  const names = new Set(given.map(([name]) => name));
  const all: HeaderList = [];
  const own = new Set<string>();
  const start = exchange.headers('api');
  for (let index = 0; index < start.length; index += 2) {
    const [name = '', value = ''] = [start[index], start[index + 1]];
    if (name === 'content-security-policy' && names.has(name)) continue;
    all.push(name, value);
    if (name !== 'vary') own.add(name);
  }
  for (const [name, value] of given) {
    if (!own.has(name) && !notPassed.test(name)) all.push(name, value);
  }
  if (!names.has('cache-control')) all.push('cache-control', 'no-store');
  if (status !== 204 && status !== 304) all.push('content-length', String(Buffer.byteLength(body)));
  exchange.answer(status, all, body);
}
