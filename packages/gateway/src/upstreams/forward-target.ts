import type { Socket } from 'node:net';
import { type Caller, ServiceError } from '@banyan/core';
import { routeError } from '@banyan/rpc';
import { type Admission, createAdmission } from '../admission.ts';
import type { Exchange } from '../exchange.ts';
import { hasBody } from '../framing.ts';
import type { RouteRates } from '../route-rates.ts';
import type { Target } from '../target.ts';
import type { UserAuthentication } from '../user-authentication.ts';
import type { Forwarding } from './forwarding.ts';
import { type RelayCopy, type RelayEnvironment, startRelay } from './relay.ts';
import { createRequestHead } from './request-head.ts';
import type { Tunnel } from './tunnel.ts';
import { forwardedBodyTooLarge, upstreamBusy } from './upstream-errors.ts';
import { asksForWebSocket, checkWebSocketRequest } from './web-socket.ts';
import { openWebSocket } from './web-socket-opening.ts';

export interface ForwardTargetOptions {
  readonly forwarding: Forwarding;
  readonly authentication: UserAuthentication;
  readonly rates: RouteRates;
  readonly relay: RelayEnvironment;
}

/** Answers requests by what an upstream answers, once the policy lets them pass. */
export interface ForwardTarget extends Target {
  handle(
    exchange: Exchange,
    params?: Readonly<Record<string, string>>,
    copy?: RelayCopy,
  ): Promise<void> | undefined;
  /** As `handle`, for a request that asks to become a WebSocket. */
  upgrade(exchange: Exchange, socket: Socket, early: Buffer): Promise<void> | undefined;
  /** WebSockets and server-sent events end; everything else goes on to its own end. */
  drain(): void;
  close(): void;
}

export function createForwardTarget(options: ForwardTargetOptions): ForwardTarget {
  return new Forward(options);
}

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const allowed = [...methods].sort().join(', ');

class Forward implements ForwardTarget {
  readonly route: string;
  readonly #options: ForwardTargetOptions;
  readonly #tunnels = new Set<Tunnel>();
  /** WebSockets that are open or being opened: they last, so they do not count as requests in progress. */
  readonly #places: Admission;
  readonly #maxOpen: number;
  #taken = 0;

  constructor(options: ForwardTargetOptions) {
    const { maxOpen = 1_000, maxOpenPerClient = 256 } = options.forwarding.options.webSocket ?? {};
    this.route = options.forwarding.path;
    this.#options = options;
    this.#maxOpen = maxOpen;
    this.#places = createAdmission({
      maxConcurrentRequests: maxOpen,
      maxConcurrentPerClient: maxOpenPerClient,
    });
  }

  handle(
    exchange: Exchange,
    _params?: Readonly<Record<string, string>>,
    copy?: RelayCopy,
  ): Promise<void> | undefined {
    return this.#admit(exchange, () => this.#relay(exchange, copy));
  }

  upgrade(exchange: Exchange, client: Socket, early: Buffer): Promise<void> | undefined {
    return this.#admit(exchange, () => this.#open(exchange, client, early));
  }

  drain(): void {
    for (const tunnel of this.#tunnels) tunnel.close();
    for (const answer of this.#options.relay.endless) answer.finish();
  }

  close(): void {
    this.#options.relay.group.close();
  }

  /** Nothing to wait for in most cases, and then no promise. */
  #admit(exchange: Exchange, next: () => void): Promise<void> | undefined {
    const { rates, forwarding } = this.#options;
    exchange.access = forwarding.options.access;
    checkMethod(exchange);
    const counted = rates.atArrival(exchange);
    return counted === undefined
      ? this.#authenticate(exchange, next)
      : counted.then(() => this.#authenticate(exchange, next));
  }

  #authenticate(exchange: Exchange, next: () => void): Promise<void> | undefined {
    const { authentication, forwarding } = this.#options;
    const caller = authentication.authenticate(exchange.request, forwarding.options.access, exchange.trace);
    return caller instanceof Promise
      ? caller.then((verified) => this.#count(exchange, verified, next))
      : this.#count(exchange, caller, next);
  }

  #count(exchange: Exchange, caller: Caller, next: () => void): Promise<void> | undefined {
    exchange.caller = caller;
    const counted = this.#options.rates.forCaller(exchange);
    if (counted !== undefined) return counted.then(next);
    next();
    return undefined;
  }

  #relay(exchange: Exchange, copy: RelayCopy | undefined): void {
    const { relay } = this.#options;
    if (exchange.response.destroyed) return;
    const length = Number(exchange.request.headers['content-length'] ?? 0);
    if (length > relay.maxBodyBytes) throw forwardedBodyTooLarge(relay.maxBodyBytes);
    const head = this.#headFor(exchange, undefined);
    startRelay({ exchange, head, ...(copy === undefined ? undefined : { copy }) }, relay);
  }

  #open(exchange: Exchange, client: Socket, early: Buffer): void {
    const { relay, forwarding } = this.#options;
    const { webSocket } = forwarding.options;
    if (webSocket === undefined || !asksForWebSocket(exchange.request)) throw routeError({ kind: 'none' });
    checkWebSocketRequest(exchange.request, webSocket.origins ?? []);
    if (exchange.response.destroyed) return;
    this.#takePlace(exchange);
    openWebSocket(
      {
        exchange,
        client,
        early,
        head: this.#headFor(exchange, 'websocket'),
        idleTimeoutMs: webSocket.idleTimeoutMs ?? 300_000,
        onOpen: (tunnel) => this.#tunnels.add(tunnel),
        onEnd: (tunnel) => this.#tunnels.delete(tunnel),
      },
      relay,
    );
  }

  /** Until the connection ends, whatever becomes of it. */
  #takePlace({ client, response }: Exchange): void {
    if (this.#taken >= this.#maxOpen) throw upstreamBusy();
    this.#places.enter(client);
    this.#taken += 1;
    response.once('close', () => {
      this.#places.leave(client);
      this.#taken -= 1;
    });
  }

  #headFor(exchange: Exchange, upgrade: string | undefined): (host: string) => string {
    const { forwarding } = this.#options;
    const { stripPrefix = false, keepHost = false } = forwarding.options;
    return createRequestHead(exchange, {
      strip: stripPrefix ? forwarding.prefix.replace(/\/$/, '').length : 0,
      keepHost,
      authorization: this.#authorizationOf(exchange),
      upgrade,
    });
  }

  #authorizationOf({ request }: Exchange): string | undefined {
    const { forwarding, authentication } = this.#options;
    switch (forwarding.options.authorization ?? 'none') {
      case 'none':
        return undefined;
      case 'as_sent':
        return request.headers.authorization;
      case 'user_token':
        return `Bearer ${authentication.tokenOf(request)}`;
    }
  }
}

/** What a GET with a body means, programs disagree about; some take the body for the next request. */
function checkMethod({ request }: Exchange): void {
  const { method = '' } = request;
  if (!methods.has(method)) throw routeError({ kind: 'wrong_method', allow: allowed });
  if ((method === 'GET' || method === 'HEAD') && hasBody(request)) {
    throw new ServiceError(`A ${method} request has no body.`, {
      code: 'invalid_argument',
      reason: 'malformed_request',
    });
  }
}
