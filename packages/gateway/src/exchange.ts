import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Caller, type ServiceError, type TraceContext, toProblem } from '@banyan/core';
import type { CancellableCallContext } from '@banyan/rpc';
import { childTrace, createTrace, formatTraceparent, parseTraceparent, type Span } from '@banyan/telemetry';
import type { ClientAddresses } from './client-address.ts';
import type { Connection } from './connections.ts';
import type { Cors } from './cors.ts';
import { discardBody } from './discard-body.ts';
import type { ProblemFormats } from './formats/problem-formats.ts';
import { hasBody } from './framing.ts';
import type { Access } from './policy.ts';
import { toPublicError } from './public-error.ts';
import { addQuotaFields } from './quota-fields.ts';
import { type RequestSpans, withSampled } from './request-span.ts';
import type { QuotaStanding } from './route-rates.ts';
import { type AnswerKind, type HeaderList, securityHeaders } from './security-headers.ts';
import { forgetSession } from './session-cookie.ts';
import { challengeOf } from './user-authentication.ts';
import { versionName } from './versions/names.ts';

/** What all exchanges of one gateway share. */
export interface ExchangeEnvironment {
  readonly cors: Cors;
  readonly clients: ClientAddresses;
  /** How refusals look before a route is known. */
  readonly problems: ProblemFormats | undefined;
  /** True from the moment the gateway stops: answers then end their connection. */
  readonly draining: boolean;
  /** Clients speak TLS to the gateway itself. */
  readonly endsTls: boolean;
  /** Undefined if nobody wants them. */
  readonly spans: RequestSpans | undefined;
  /** Requests go on with the traces that their clients name. */
  readonly continuesTraces: boolean;
}

/** After these, where the next request begins is uncertain, or a client would go on wasting time. */
const closingReasons: ReadonlySet<string> = new Set(['malformed_request', 'request_timeout']);

/**
 * Whoever works for an answer. An object, because with a function that closes over it V8 kept every forwarded request until the next full
 * collection: a fifth of the gateway's time was spent on moving dead ones (`node --trace-gc`, bench gateway).
 */
export interface Answerer {
  onExchangeClosed(): void;
}

/** Undefined if the client names none, or several: Node joins those to one that cannot be read. */
function causeOf({ headers }: IncomingMessage): TraceContext | undefined {
  const { traceparent } = headers;
  return typeof traceparent === 'string' ? parseTraceparent(traceparent) : undefined;
}

/** One request and its answer. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  /** Whom it comes from: an address, or the network of an IPv6 subscriber. */
  readonly client: string;
  // A trace of the client is not continued unless the gateway says so: it could make its requests look like those of others.
  readonly trace: TraceContext;
  readonly #span: Span | undefined;
  readonly startedMs = performance.now();
  /** Bytes that the connection had received before, headers of this request included. */
  readonly receivedBefore: number;
  /** Time during which the gateway waited for more of the body, counted by the traffic watch. */
  waitedMs = 0;
  /** Bytes of the answer that the client had not taken when the traffic watch last looked, and for how long as many. */
  unsentBytes = 0;
  stalledMs = 0;
  /** Template of the route, such as `/orders/:orderId`; empty if there is none. */
  route = '';
  /** Normalised; empty before that. */
  path = '';
  query = '';
  /** The version that the path began with, which `path` is without: `2` of `/v2/orders`. */
  pathVersion: string | undefined = undefined;
  /** Of the service that answers; undefined if none does. */
  answeringVersion: string | undefined = undefined;
  /** Other versions could have answered. */
  hasVersions = false;
  access: Access | undefined = undefined;
  /** Set where answers have several formats. */
  formats: ProblemFormats | undefined = undefined;
  /** Media types that its body may have. */
  bodyTypes: readonly string[] = [];
  /** What it has taken from its quotas so far. */
  readonly quotas: QuotaStanding[] = [];
  caller: Caller | undefined = undefined;
  /** What answers it, for the log: a service, or the host of an upstream. */
  upstream: string | undefined = undefined;
  /** Its connection is a WebSocket now. */
  isTunnel = false;
  /** True if it holds a place of the admission. */
  admitted = false;
  /** Reason of the refusal that was answered. */
  refusedFor: string | undefined = undefined;
  context: CancellableCallContext | undefined = undefined;
  /** Called once its connection is a WebSocket, and it is no request in progress any more. */
  onTunnel: (() => void) | undefined = undefined;
  /** Its neighbours among those in progress; see `ExchangeList`. */
  earlier: Exchange | undefined = undefined;
  later: Exchange | undefined = undefined;
  /** Told once the answer is out, or the client is gone. */
  answerer: Answerer | undefined = undefined;
  /** The client waits for `100 Continue` before it sends its body. */
  awaitsContinue = false;
  readonly #environment: ExchangeEnvironment;
  /** Bytes that the connection had sent before. */
  readonly #sentBefore: number;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    shared: { readonly connection: Connection; readonly environment: ExchangeEnvironment },
  ) {
    this.request = request;
    this.response = response;
    this.connection = shared.connection;
    this.#environment = shared.environment;
    const cause = this.#environment.continuesTraces ? causeOf(request) : undefined;
    this.#span = this.#environment.spans?.start(cause);
    this.trace = this.#span ?? (cause === undefined ? createTrace() : childTrace(withSampled(cause, true)));
    this.client = shared.environment.clients.clientOf(request, shared.connection.peer);
    this.#sentBefore = request.socket.bytesWritten;
    this.receivedBefore = request.socket.bytesRead;
  }

  /** Bytes of the answer: with its head over HTTP/1.1, without it over HTTP/2, where heads of all answers are compressed together. */
  get sentBytes(): number {
    const { bodyBytes } = this.response as ServerResponse & { readonly bodyBytes?: number };
    return bodyBytes ?? this.request.socket.bytesWritten - this.#sentBefore;
  }

  /** The client's whole address. */
  get address(): string {
    return this.#environment.clients.addressOf(this.request, this.connection.peer);
  }

  get endsTls(): boolean {
    return this.#environment.endsTls;
  }

  get scheme(): 'http' | 'https' {
    return this.#environment.clients.schemeOf(this.request, this.connection.peer);
  }

  /** Tells a client that waits for it to send the body; call it when nothing but the body can still be refused. */
  acceptBody(): void {
    if (!this.awaitsContinue) return;
    this.awaitsContinue = false;
    this.response.writeContinue();
  }

  /** Nobody wants to see those of probes. */
  get span(): Span | undefined {
    return isProbe(this.path) ? undefined : this.#span;
  }

  /** The answer is out, or the client is gone. */
  endSpan(status: number): void {
    const { span } = this;
    if (span === undefined) return;
    this.#environment.spans?.end(span, {
      method: this.request.method ?? '',
      route: this.route,
      scheme: this.endsTls ? 'https' : 'http',
      status,
      refusedFor: this.refusedFor,
      client: this.client,
      userId: this.caller?.user?.id,
    });
  }

  becomeTunnel(): void {
    this.response.statusCode = 101;
    this.isTunnel = true;
    this.onTunnel?.();
  }

  /** A path for the client, below the version that it has asked for by path. */
  below(path: string): string {
    return this.pathVersion === undefined || !path.startsWith('/') ? path : `/v${this.pathVersion}${path}`;
  }

  /** What every answer of this kind starts with. */
  headers(kind: AnswerKind): HeaderList {
    const headers: HeaderList = [...securityHeaders[kind]];
    headers.push('x-trace-id', this.trace.traceId, 'traceresponse', formatTraceparent(this.trace));
    if (this.formats !== undefined) headers.push('vary', this.formats.vary);
    addQuotaFields(headers, this.quotas);
    if (this.answeringVersion !== undefined) headers.push(versionName, this.answeringVersion);
    if (this.hasVersions) headers.push('vary', versionName);
    if (this.endsTls) headers.push('strict-transport-security', 'max-age=31536000');
    // An upstream decides for itself who may read what it says.
    if (kind !== 'forwarded') this.#environment.cors.addTo(headers, this.request);
    if (this.#endsConnection()) {
      this.connection.isClosing = true;
      headers.push('connection', 'close');
    }
    return headers;
  }

  #endsConnection(): boolean {
    if (this.request.httpVersionMajor > 1) return false;
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
    this.formats ??= this.#environment.problems;
    const { contentType, body } = this.#problemOf(known);
    const headers = this.headers('api');
    headers.push('cache-control', 'no-store', 'content-type', contentType);
    headers.push('content-length', String(Buffer.byteLength(body)));
    this.#addRefusalHeaders(headers, known);
    response.writeHead(known.status, headers);
    if (closes || this.awaitsContinue || !hasBody(request)) {
      response.end(body);
      return;
    }
    if (request.httpVersionMajor > 1) {
      // Nothing but its own stream can be reset under it, and not before it has the answer.
      response.end(body);
      discardBody(request);
      return;
    }
    // The client has its answer with this. Ending only after its body keeps the connection from being reset under it.
    response.write(body);
    discardBody(request, () => response.end());
  }

  #problemOf(known: ServiceError): { readonly contentType: string; readonly body: string } {
    const problem = toProblem(known, this.trace.traceId);
    if (this.formats !== undefined) return this.formats.problem(this.request.headers.accept, problem);
    return { contentType: 'application/problem+json', body: JSON.stringify(problem) };
  }

  #addRefusalHeaders(headers: HeaderList, error: ServiceError): void {
    const challenge = challengeOf(error, this.access);
    if (challenge !== undefined) headers.push('www-authenticate', challenge);
    else if (error.status === 401) headers.push('www-authenticate', 'Bearer');
    if (error.reason === 'session_over') forgetSession(headers);
    if (error.status === 405) headers.push('allow', allowedMethods(error));
    if (error.status === 415 && !error.declared) addBodyTypes(headers, this.request.method, this.bodyTypes);
    if (error.retryAfterMs !== undefined) {
      headers.push('retry-after', String(Math.ceil(error.retryAfterMs / 1_000)));
    }
  }
}

/** Asked every few seconds for as long as the system runs. */
function isProbe(path: string): boolean {
  return path.startsWith('/health/');
}

/** What would have been taken: for all methods, and for those that have a field of their own (RFC 9110, 15.5.16; RFC 5789; Linked Data Platform). */
function addBodyTypes(headers: HeaderList, method: string | undefined, types: readonly string[]): void {
  if (types.length === 0) return;
  const list = types.join(', ');
  headers.push('accept', list);
  if (method === 'POST') headers.push('accept-post', list);
  if (method === 'PATCH') headers.push('accept-patch', list);
}

function allowedMethods({ details }: ServiceError): string {
  const { allow } = (details ?? {}) as { readonly allow?: unknown };
  return typeof allow === 'string' ? `${allow}, OPTIONS` : 'OPTIONS';
}
