import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServiceCertificates, ServiceTokens } from '@banyan/auth';
import {
  createHttpBinding,
  type HttpBinding,
  isBinary,
  type Operation,
  takesJsonBody,
} from '@banyan/contract';
import { type Caller, isServiceError, type Logger, type ServiceError, type TraceContext } from '@banyan/core';
import type { CallEnvironment, RunnableCallContext } from '../call-context.ts';
import type { Endpoint } from '../endpoint.ts';
import { checkPeer } from '../tls.ts';
import { callContextOf, callerOf } from './call-headers.ts';
import { type JsonBodyOptions, readJsonBody } from './json-body.ts';
import { routeError, urlTooLong } from './request-errors.ts';
import { writeProblem, writeResult } from './response.ts';
import { createRouter, type RouteMatch, type Router } from './router.ts';
import { uploadOf } from './upload.ts';

export interface OperationServerOptions {
  readonly endpoint: Endpoint;
  readonly tokens: ServiceTokens;
  readonly certificates: ServiceCertificates | undefined;
  readonly environment: CallEnvironment;
  readonly json: JsonBodyOptions;
  readonly maxUrlBytes: number;
  readonly logger: Logger;
  /** Told of every request that has been answered, or cut off. */
  readonly onAnswered: (
    operation: Operation | undefined,
    response: ServerResponse,
    call: { readonly startedAtMs: number; readonly trace: TraceContext | undefined },
  ) => void;
  /** See `ServiceServerOptions`. */
  readonly onRefused: ((refusal: ServiceError, address: string | undefined) => void) | undefined;
}

/** Answers requests for the operations of one service. */
export interface OperationServer {
  serve(request: IncomingMessage, response: ServerResponse): void;
}

interface ServedOperation {
  readonly operation: Operation;
  readonly binding: HttpBinding;
  readonly readsJson: boolean;
}

/** @throws TypeError if two operations share a route */
export function createOperationServer(options: OperationServerOptions): OperationServer {
  return new ContractServer(options);
}

class ContractServer implements OperationServer {
  readonly #options: OperationServerOptions;
  readonly #router: Router<ServedOperation>;

  constructor(options: OperationServerOptions) {
    this.#options = options;
    this.#router = createRouter(
      Object.values(options.endpoint.contract.operations).map((operation) => ({
        method: operation.method,
        path: operation.path,
        target: prepare(operation),
      })),
    );
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    const exchange = new Exchange(this.#options, request, response);
    this.#serve(exchange).catch((error) => exchange.fail(error));
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { tokens, certificates, environment, endpoint, json } = this.#options;
    const { request, response } = exchange;
    const url = request.url ?? '/';
    if (url.length > this.#options.maxUrlBytes) throw urlTooLong();
    const verdict = callerOf(request.headers, tokens);
    const caller: Caller = verdict instanceof Promise ? await verdict : verdict;
    checkPeer(request.socket, caller.service, certificates);
    const queryAt = url.indexOf('?');
    const match = this.#match(request.method ?? '', queryAt === -1 ? url : url.slice(0, queryAt));
    const { operation, binding } = match.target;
    exchange.operation = operation;
    const context = callContextOf(request.headers, environment, { caller, timeoutMs: operation.timeoutMs });
    exchange.begin(context);
    const upload = operation.upload === undefined ? undefined : uploadOf(request, operation.upload);
    const body = match.target.readsJson ? await readJsonBody(request, json) : undefined;
    const query = queryAt === -1 ? '' : url.slice(queryAt + 1);
    const input = binding.toInput(match.params, query, body, request.headers);
    const output = await endpoint.call(operation.name, input, context, upload);
    const written = writeResult(response, operation, output);
    if (isBinary(operation.output)) await written;
  }

  #match(method: string, path: string): RouteMatch<ServedOperation> {
    const result = this.#router.find(method, path);
    if (result.kind === 'match') return result;
    throw routeError(result);
  }
}

function prepare(operation: Operation): ServedOperation {
  return { operation, binding: createHttpBinding(operation), readsJson: takesJsonBody(operation) };
}

/** One request and its response. */
class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly #options: OperationServerOptions;
  readonly #startedAtMs: number;
  operation: Operation | undefined = undefined;
  #context: RunnableCallContext | undefined = undefined;

  constructor(options: OperationServerOptions, request: IncomingMessage, response: ServerResponse) {
    this.#options = options;
    this.request = request;
    this.response = response;
    this.#startedAtMs = options.environment.clock.nowMs();
    response.on('close', this.#onClose);
  }

  begin(context: RunnableCallContext): void {
    this.#context = context;
    if (this.response.destroyed) context.cancel();
  }

  fail(error: unknown): void {
    if (this.response.headersSent) {
      const { traceId, spanId } = this.#context?.trace ?? {};
      const operation = this.operation?.name;
      this.#options.logger.error('a response was cut off', { operation, traceId, spanId, error });
    }
    // Later than that it is an answer of the operation itself.
    if (this.#context === undefined && isServiceError(error) && error.code === 'unauthenticated')
      this.#options.onRefused?.(error, this.request.socket.remoteAddress);
    writeProblem(this.response, error, this.#context?.trace.traceId);
  }

  /** Comes after every response, whole or not: if it is not whole, the client has gone and nobody wants the answer. */
  readonly #onClose = (): void => {
    if (!this.response.writableFinished) this.#context?.cancel();
    this.#context?.end();
    const call = { startedAtMs: this.#startedAtMs, trace: this.#context?.span };
    this.#options.onAnswered(this.operation, this.response, call);
  };
}
