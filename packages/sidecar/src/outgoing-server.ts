import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Uses } from '@banyan/chassis';
import {
  type Contract,
  createHttpBinding,
  isStreaming,
  type Operation,
  takesJsonBody,
} from '@banyan/contract';
import { type Logger, ServiceError } from '@banyan/core';
import { createRouter, type Router, readJsonBody, routeError, writeProblem, writeResult } from '@banyan/rpc';
import { sidecarReason } from './errors.ts';
import type { CallScope, OpenCalls } from './open-calls.ts';
import { plainHeaders } from './plain-service.ts';

export interface OutgoingServerOptions {
  readonly port: number;
  /** Services that may be called, by the name that the plain service uses for them. */
  readonly uses: Uses;
  readonly calls: OpenCalls;
  /** For calls that belong to no request: of the service itself, without an end user. */
  readonly own: CallScope;
  readonly logger: Logger;
}

/**
 * The local port through which a plain service calls others: `GET http://127.0.0.1:PORT/orders/users/7` is `GET /users/7` of `orders`. The sidecar adds
 * who calls and for whom. Serves until `signal` aborts.
 * @throws Error if the port is taken
 */
export async function serveOutgoing(options: OutgoingServerOptions, signal: AbortSignal): Promise<void> {
  const server = new OutgoingServer(options);
  await server.run(signal);
}

interface Target {
  readonly alias: string;
  readonly operation: Operation;
}

type Method = (input: unknown, options: { readonly idempotencyKey?: string }) => Promise<unknown>;

class OutgoingServer {
  readonly #options: OutgoingServerOptions;
  readonly #routers: ReadonlyMap<string, Router<Target>>;
  readonly #server: Server;

  constructor(options: OutgoingServerOptions) {
    this.#options = options;
    this.#routers = new Map(
      Object.entries(options.uses).map(([alias, contract]) => [alias, routerOf(alias, contract)]),
    );
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        options.logger.debug('an outgoing call failed', { error });
        writeProblem(response, error);
      });
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    // Loopback alone: whoever reaches this port speaks as the service.
    this.#server.listen(this.#options.port, '127.0.0.1');
    await once(this.#server, 'listening');
    if (!signal.aborted)
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    checkHost(request);
    const [path = '', query = ''] = (request.url ?? '/').split('?', 2);
    const [, alias = '', ...rest] = path.split('/');
    const router = this.#routers.get(alias);
    if (router === undefined) throw unknownService(alias, [...this.#routers.keys()]);
    const found = router.find(request.method ?? '', `/${rest.join('/')}`);
    if (found.kind !== 'match') throw routeError(found);
    const { operation } = found.target;
    const body = takesJsonBody(operation) ? await readJsonBody(request) : undefined;
    const input = createHttpBinding(operation).toInput(found.params, query, body, request.headers);
    const method = this.#scopeOf(request).call[alias]?.[operation.name] as Method | undefined;
    if (method === undefined) throw unknownService(alias, []);
    const key = request.headers['idempotency-key'];
    const result = await method(input, typeof key === 'string' ? { idempotencyKey: key } : {});
    await writeResult(response, operation, result);
  }

  #scopeOf({ headers }: IncomingMessage): CallScope {
    const name = headers[plainHeaders.context];
    if (name === undefined) return this.#options.own;
    const scope = this.#options.calls.find(String(name));
    if (scope !== undefined) return scope;
    throw new ServiceError('No request of that banyan-context is under way.', sidecarReason('context_ended'));
  }
}

function routerOf(alias: string, contract: Contract): Router<Target> {
  const operations = Object.values(contract.operations).filter((operation) => !isStreaming(operation));
  return createRouter(
    operations.map((operation) => ({
      method: operation.method,
      path: operation.path,
      target: { alias, operation },
    })),
  );
}

/**
 * A page in a browser of this machine can reach loopback, under a name of its own choice (DNS rebinding), and without an `Origin` by an image or a navigation.
 * Browsers name the site of each request, services never do.
 */
function checkHost({ headers }: IncomingMessage): void {
  const isFromPage = headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
  if (/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(headers.host ?? '') && !isFromPage) return;
  throw new ServiceError('This port is for the service beside the sidecar.', sidecarReason('not_from_here'));
}

function unknownService(alias: string, known: readonly string[]): ServiceError {
  return new ServiceError(
    `There is no service '${alias}' to call; there are ${known.join(', ') || 'none'}.`,
    sidecarReason('unknown_service'),
  );
}
