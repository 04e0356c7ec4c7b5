import type { IncomingMessage } from 'node:http';
import {
  createHttpBinding,
  expandLocation,
  type HttpBinding,
  isBinary,
  type Operation,
  retryAfterOf,
  takesJsonBody,
} from '@banyan/contract';
import { type Caller, isServiceError, ServiceError } from '@banyan/core';
import {
  type CallEnvironment,
  type CancellableCallContext,
  createCallContext,
  type Endpoint,
  isSagaKey,
  readJsonBody,
  uploadOf,
  writeResult,
} from '@banyan/rpc';
import type { AnswerCache } from './answer-cache.ts';
import { matches } from './asset.ts';
import { discardBody } from './discard-body.ts';
import type { Exchange } from './exchange.ts';
import type { ExposedRoute } from './exposure.ts';
import type { Representation, RouteFormats } from './formats/route-formats.ts';
import { hasBody } from './framing.ts';
import { createInputHeaders, type InputHeaders } from './input-headers.ts';
import type { GatewayLimits } from './limits.ts';
import type { Access } from './policy.ts';
import type { RouteRates } from './route-rates.ts';
import type { HeaderList } from './security-headers.ts';
import { checkNotForeign, forgetSession, openSession } from './session-cookie.ts';
import type { SessionRole } from './session-options.ts';
import type { Shedding } from './shedding.ts';
import type { Target } from './target.ts';
import { anonymous, type UserAuthentication } from './user-authentication.ts';

export interface OperationTargetOptions {
  /** Whom the requests are handed to. */
  readonly endpoint: (exchange: Exchange) => Endpoint;
  readonly authentication: UserAuthentication;
  /** What the operation does with the session cookie. */
  readonly session: SessionRole;
  readonly rates: RouteRates;
  readonly shedding: Shedding;
  /** Undefined if answers are not kept. */
  readonly cache: AnswerCache | undefined;
  /** Called after a request that may have changed what is at these paths. */
  readonly onChange: (path: string, location: string | undefined) => void;
  /** Undefined if answers are JSON, or bytes, whatever the client would like. */
  readonly formats: RouteFormats | undefined;
  readonly limits: GatewayLimits;
  readonly environment: CallEnvironment;
}

const plainJson: Representation = {
  contentType: 'application/json',
  write: (json) => json,
  etag: (ofJson) => ofJson,
};

/** Turns requests into calls of one exposed operation. */
export function createOperationTarget(route: ExposedRoute, options: OperationTargetOptions): Target {
  return new OperationTarget(route, options);
}

type Params = Readonly<Record<string, string>>;

class OperationTarget implements Target {
  readonly route: string;
  readonly #service: string;
  readonly #operation: Operation;
  readonly #access: Access;
  readonly #binding: HttpBinding;
  readonly #options: OperationTargetOptions;
  readonly #timeoutMs: number;
  readonly #readsJson: boolean;
  readonly #headersOf: InputHeaders;
  readonly #bodyTypes: readonly string[];

  constructor({ contract, operation, policy }: ExposedRoute, options: OperationTargetOptions) {
    this.route = operation.path;
    this.#service = contract.name;
    this.#operation = operation;
    this.#access = policy.access;
    this.#binding = createHttpBinding(operation);
    this.#options = options;
    this.#timeoutMs = Math.min(operation.timeoutMs, options.limits.requestTimeoutMs);
    this.#readsJson = takesJsonBody(operation);
    this.#headersOf = createInputHeaders(operation, options.authentication);
    this.#bodyTypes =
      operation.upload?.types ??
      (this.#readsJson ? (options.formats?.bodyTypes ?? ['application/json']) : []);
  }

  handle(exchange: Exchange, params: Params): Promise<void> {
    exchange.access = this.#access;
    exchange.formats = this.#options.formats;
    exchange.bodyTypes = this.#bodyTypes;
    exchange.upstream = this.#service;
    // What is kept can be given by a service that is full.
    if (this.#options.cache === undefined) this.#options.shedding.check();
    const counted = this.#options.rates.atArrival(exchange);
    return counted === undefined
      ? this.#authenticate(exchange, params)
      : counted.then(() => this.#authenticate(exchange, params));
  }

  #authenticate(exchange: Exchange, params: Params): Promise<void> {
    const caller = this.#options.authentication.authenticate(exchange.request, this.#access, exchange.trace);
    if (!(caller instanceof Promise)) return this.#call(exchange, params, caller);
    return caller.then((verified) => this.#call(exchange, params, verified));
  }

  async #call(exchange: Exchange, params: Params, caller: Caller): Promise<void> {
    const { request } = exchange;
    const operation = this.#operation;
    exchange.caller = caller;
    if (this.#options.session === 'opens') checkNotForeign(request);
    await this.#options.rates.forCaller(exchange);
    const idempotencyKey = idempotencyKeyOf(request.headers['idempotency-key']);
    const representation = this.#representationFor(request);
    const upload = operation.upload === undefined ? undefined : uploadOf(request, operation.upload);
    exchange.acceptBody();
    const body = this.#readsJson ? await this.#readBody(request) : undefined;
    const input = this.#binding.toInput(params, exchange.query, body, this.#headersOf(exchange));
    await this.#options.rates.forInput(exchange, input);
    if (this.#options.cache !== undefined)
      return this.#answerKept(exchange, this.#options.cache, { params, input, representation });
    const context = this.#contextFor(exchange, idempotencyKey);
    exchange.context = context;
    try {
      const { endpoint, shedding } = this.#options;
      const output = await shedding.run(exchange, () =>
        endpoint(exchange).call(operation.name, input, context, upload),
      );
      this.#noteChange(exchange, output);
      await this.#answer(exchange, output, representation);
    } catch (error) {
      if (mayHaveHappened(error)) this.#noteChange(exchange, undefined);
      throw error;
    } finally {
      context.end();
      // To cancel what is over would make an error, with its stack, behind every answer.
      exchange.context = undefined;
    }
  }

  /** Before anything is read or called. */
  #representationFor({ headers }: IncomingMessage): Representation {
    const { formats } = this.#options;
    return formats === undefined || this.#operation.status === 204
      ? plainJson
      : formats.choose(headers.accept);
  }

  #readBody(request: IncomingMessage): Promise<unknown> {
    const { formats, limits } = this.#options;
    return formats === undefined
      ? readJsonBody(request, { maxBytes: limits.maxJsonBytes })
      : formats.readBody(request, limits);
  }

  #contextFor(exchange: Exchange, idempotencyKey: string | undefined): CancellableCallContext {
    return createCallContext({
      caller: exchange.caller ?? anonymous,
      timeoutMs: this.#timeoutMs,
      trace: exchange.trace,
      idempotencyKey,
      environment: this.#options.environment,
    });
  }

  #noteChange(exchange: Exchange, output: unknown): void {
    if (this.#operation.method === 'GET') return;
    this.#options.onChange(
      exchange.path,
      output === undefined ? undefined : expandLocation(this.#operation, output),
    );
  }

  async #answerKept(
    exchange: Exchange,
    cache: AnswerCache,
    {
      params,
      input,
      representation,
    }: { readonly params: Params; readonly input: unknown; readonly representation: Representation },
  ): Promise<void> {
    const caller = exchange.caller ?? anonymous;
    const kept = await cache.answer({ caller, params, path: exchange.path, input }, async () => {
      // Others may wait for it, so it goes on when this client leaves.
      const context = this.#contextFor(exchange, undefined);
      try {
        const { endpoint, shedding } = this.#options;
        const call = () => endpoint(exchange).call(this.#operation.name, input, context);
        return JSON.stringify((await shedding.run(undefined, call)) ?? null);
      } finally {
        context.end();
      }
    });
    const headers = exchange.headers('api');
    const answer = { ...kept, etag: representation.etag(kept.etag) };
    cache.addFields(headers, answer);
    if (matches(exchange.request.headers['if-none-match'], answer.etag)) {
      exchange.answer(304, headers, undefined);
      return;
    }
    const body = representation.write(answer.body);
    headers.push('content-type', representation.contentType);
    headers.push('content-length', String(Buffer.byteLength(body)));
    exchange.answer(200, headers, body);
  }

  #answer(exchange: Exchange, output: unknown, representation: Representation): Promise<void> | undefined {
    const operation = this.#operation;
    const headers = exchange.headers('api');
    if (isBinary(operation.output)) return this.#answerBytes(exchange, headers, output);
    headers.push('cache-control', 'no-store');
    const location = expandLocation(operation, output);
    if (location !== undefined) headers.push('location', exchange.below(location));
    const retryAfter = retryAfterOf(operation, output);
    if (retryAfter !== undefined) headers.push('retry-after', String(retryAfter));
    if (operation.status === 204) {
      this.#withSession(headers, output);
      exchange.answer(204, headers, undefined);
      return undefined;
    }
    // Node sends a text together with the headers in one write; a buffer would cost a second one.
    const body = representation.write(JSON.stringify(this.#withSession(headers, output) ?? null));
    headers.push('content-type', representation.contentType);
    headers.push('content-length', String(Buffer.byteLength(body)));
    exchange.answer(operation.status, headers, body);
    return undefined;
  }

  /** Puts the session that was opened into a cookie, or takes the cookie back. @returns what belongs in the body */
  #withSession(headers: HeaderList, output: unknown): unknown {
    const { session, authentication } = this.#options;
    if (session === 'opens') return openSession(headers, output);
    if (session === 'ends') {
      authentication.forgetSessions();
      forgetSession(headers);
    }
    return output;
  }

  #answerBytes(
    { request, response }: Exchange,
    headers: HeaderList,
    output: unknown,
  ): Promise<void> | undefined {
    for (let index = 0; index < headers.length; index += 2) {
      response.appendHeader(headers[index] ?? '', headers[index + 1] ?? '');
    }
    if (hasBody(request)) discardBody(request);
    return writeResult(response, this.#operation, output);
  }
}

/** The service did not refuse: it may have done it, and its answer is lost. */
function mayHaveHappened(error: unknown): boolean {
  return !isServiceError(error) || (error.status >= 500 && !error.notStarted);
}

/** Printable ASCII, as in the Idempotency-Key draft of the IETF; 255 is what databases index gladly. Those of sagas are nobody's outside. */
function idempotencyKeyOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x20-\x7e]{1,255}$/.test(header) && !isSagaKey(header)) return header;
  throw new ServiceError(
    "The Idempotency-Key header must have 1 to 255 printable ASCII characters, and not begin with 'saga/' or 'void:'.",
    {
      code: 'invalid_argument',
      reason: 'invalid_idempotency_key',
    },
  );
}
