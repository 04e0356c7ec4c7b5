import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Caller, type ServiceError, type TraceContext, toProblem } from '@banyan/core';
import type { CancellableCallContext } from '@banyan/rpc';
import { createTrace, formatTraceparent } from '@banyan/telemetry';
import type { ClientAddresses } from './client-address.ts';
import type { Connection } from './connections.ts';
import type { Cors } from './cors.ts';
import { discardBody } from './discard-body.ts';
import { hasBody } from './framing.ts';
import type { Access } from './policy.ts';
import { toPublicError } from './public-error.ts';
import { addQuotaFields } from './quota-fields.ts';
import type { QuotaStanding } from './route-rates.ts';
import { type AnswerKind, type HeaderList, securityHeaders } from './security-headers.ts';
import { forgetSession } from './session-cookie.ts';
import { challengeOf } from './user-authentication.ts';

/** What all exchanges of one gateway share. */
export interface ExchangeEnvironment {
  readonly cors: Cors;
  readonly clients: ClientAddresses;
  /** True from the moment the gateway stops: answers then end their connection. */
  readonly draining: boolean;
}

/** After these, where the next request begins is uncertain, or a client would go on wasting time. */
const closingReasons: ReadonlySet<string> = new Set(['malformed_request', 'request_timeout']);

/** One request and its answer. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  /** Whom it comes from: an address, or the network of an IPv6 subscriber. */
  readonly client: string;
  // A trace of the client is not continued: it could make its requests look like those of others, and choose what is sampled.
  readonly trace: TraceContext = createTrace();
  readonly startedMs = performance.now();
  /** Bytes that the connection had sent before. */
  readonly sentBefore: number;
  /** Bytes that the connection had received before, headers of this request included. */
  readonly receivedBefore: number;
  /** Time during which the gateway waited for more of the body, counted by the traffic watch. */
  waitedMs = 0;
  /** Template of the route, such as `/orders/:orderId`; empty if there is none. */
  route = '';
  /** Normalised; empty before that. */
  path = '';
  query = '';
  access: Access | undefined = undefined;
  /** What it has taken from its quotas so far. */
  readonly quotas: QuotaStanding[] = [];
  caller: Caller | undefined = undefined;
  /** True if it holds a place of the admission. */
  admitted = false;
  /** Reason of the refusal that was answered. */
  refusedFor: string | undefined = undefined;
  context: CancellableCallContext | undefined = undefined;
  /** Called once the answer is out, or the client is gone. */
  onClose: (() => void) | undefined = undefined;
  /** The client waits for `100 Continue` before it sends its body. */
  awaitsContinue = false;
  readonly #environment: ExchangeEnvironment;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    shared: { readonly connection: Connection; readonly environment: ExchangeEnvironment },
  ) {
    this.request = request;
    this.response = response;
    this.connection = shared.connection;
    this.#environment = shared.environment;
    this.client = shared.environment.clients.clientOf(request, shared.connection.peer);
    this.sentBefore = request.socket.bytesWritten;
    this.receivedBefore = request.socket.bytesRead;
  }

  /** Tells a client that waits for it to send the body; call it when nothing but the body can still be refused. */
  acceptBody(): void {
    if (!this.awaitsContinue) return;
    this.awaitsContinue = false;
    this.response.writeContinue();
  }

  /** What every answer of this kind starts with. */
  headers(kind: AnswerKind): HeaderList {
    const headers: HeaderList = [...securityHeaders[kind]];
    headers.push('x-trace-id', this.trace.traceId, 'traceresponse', formatTraceparent(this.trace));
    addQuotaFields(headers, this.quotas);
    this.#environment.cors.addTo(headers, this.request);
    if (this.#endsConnection()) {
      this.connection.isClosing = true;
      headers.push('connection', 'close');
    }
    return headers;
  }

  #endsConnection(): boolean {
    const { isClosing, newest } = this.connection;
    // An answer that is not the newest would cut off those that follow it.
    return this.awaitsContinue || ((isClosing || this.#environment.draining) && newest === this);
  }

  /** Answers with a whole body and ends. Nothing happens if an answer has begun already. */
  answer(status: number, headers: HeaderList, body: Buffer | string | undefined): void {
    if (this.response.headersSent || this.response.destroyed) return;
    this.response.writeHead(status, headers).end(body);
    if (hasBody(this.request)) discardBody(this.request);
  }

  /** Answers with problem details (RFC 9457); cuts the connection if another answer has begun. */
  refuse(error: unknown): void {
    const { response, request } = this;
    const known = toPublicError(error);
    this.refusedFor = known.reason;
    const closes = closingReasons.has(known.reason);
    if (closes) this.connection.isClosing = true;
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const body = JSON.stringify(toProblem(known, this.trace.traceId));
    const headers = this.headers('api');
    headers.push('cache-control', 'no-store', 'content-type', 'application/problem+json');
    headers.push('content-length', String(Buffer.byteLength(body)));
    this.#addRefusalHeaders(headers, known);
    response.writeHead(known.status, headers);
    if (closes || this.awaitsContinue || !hasBody(request)) {
      response.end(body);
      return;
    }
    // The client has its answer with this. Ending only after its body keeps the connection from being reset under it.
    response.write(body);
    discardBody(request, () => response.end());
  }

  #addRefusalHeaders(headers: HeaderList, error: ServiceError): void {
    const challenge = challengeOf(error, this.access);
    if (challenge !== undefined) headers.push('www-authenticate', challenge);
    else if (error.status === 401) headers.push('www-authenticate', 'Bearer');
    if (error.reason === 'session_over') forgetSession(headers);
    if (error.status === 405) headers.push('allow', allowedMethods(error));
    if (error.retryAfterMs !== undefined) {
      headers.push('retry-after', String(Math.ceil(error.retryAfterMs / 1_000)));
    }
  }
}

function allowedMethods({ details }: ServiceError): string {
  const { allow } = (details ?? {}) as { readonly allow?: unknown };
  return typeof allow === 'string' ? `${allow}, OPTIONS` : 'OPTIONS';
}
