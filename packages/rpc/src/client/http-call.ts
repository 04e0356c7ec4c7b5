import type { ClientRequest, IncomingMessage } from 'node:http';
import { createHttpBinding, type Download, isBinary, type Operation, type Upload } from '@banyan/contract';
import { type CallContext, type Clock, fromProblem, type ServiceError, toServiceError } from '@banyan/core';
import { formatTraceparent } from '@banyan/telemetry';
import { callHeaders } from '../http/call-headers.ts';
import { encodeInput } from '../json-value.ts';
import { connectionLost, malformedResponse, responseTooLarge } from '../lane/client-link.ts';
import { connectionRefused } from '../lane/connect-lane.ts';
import type { Transport } from './transport.ts';

export interface HttpCall {
  readonly url: string;
  readonly operation: Operation;
  readonly input: unknown;
  readonly context: CallContext;
  readonly upload: Upload | undefined;
  readonly token: string;
  readonly user: string | undefined;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly maxResponseBytes: number;
  onResult(output: unknown): void;
  onError(error: ServiceError): void;
}

/**
 * Makes one call over HTTP; its answer comes through `onResult` or `onError`, exactly once. Returns a function that ends it:
 * nothing comes after that.
 * @throws ServiceError `invalid_argument` if the input cannot be put into a request
 */
export function sendHttpCall(call: HttpCall): () => void {
  return new HttpExchange(call).end;
}

class HttpExchange {
  readonly #call: HttpCall;
  readonly #request: ClientRequest;
  #connected = false;
  #settled = false;

  constructor(call: HttpCall) {
    this.#call = call;
    const { path, query, body, headers } = createHttpBinding(call.operation).toRequest(
      call.input === undefined ? {} : call.input,
    );
    const text = body === undefined ? undefined : encodeInput(body);
    const { transport, url, operation } = call;
    this.#request = transport.request(
      url + path + (query === '' ? '' : `?${query}`),
      { method: operation.method, headers: { ...headers, ...headersOf(call, text) } },
      'shared',
    );
    this.#request.on('socket', (socket) => {
      if (!socket.connecting) this.#connected = true;
      else socket.once(transport.connected, () => (this.#connected = true));
    });
    this.#request.on('error', (cause) => this.#fail(this.#connectionError(cause)));
    this.#request.on('response', (response) => this.#onResponse(response));
    if (call.upload === undefined) this.#request.end(text);
    else this.#sendUpload(call.upload).catch((error) => this.#fail(toServiceError(error)));
  }

  readonly end = (): void => {
    this.#settled = true;
    this.#request.destroy();
  };

  async #sendUpload(upload: Upload): Promise<void> {
    for await (const chunk of upload.body) {
      // The answer may come before the end of the upload: a refusal, for example.
      if (this.#settled || this.#request.destroyed) return;
      if (!this.#request.write(chunk)) await this.#drained();
    }
    this.#request.end();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        this.#request.off('drain', settle).off('close', settle);
        resolve();
      };
      this.#request.on('drain', settle).on('close', settle);
      if (this.#request.destroyed) settle();
    });
  }

  #onResponse(response: IncomingMessage): void {
    const { statusCode: status = 0 } = response;
    response.on('error', (cause) => this.#fail(this.#connectionError(cause)));
    if ((status === 304 || (status >= 200 && status < 300)) && isBinary(this.#call.operation.output)) {
      this.#succeed(downloadOf(response, this.#call));
      return;
    }
    collect(response, this.#call.maxResponseBytes).then(
      (bytes) => this.#onBody(status, bytes),
      (error) => this.#fail(error ?? this.#connectionError(undefined)),
    );
  }

  #onBody(status: number, bytes: Buffer | undefined): void {
    if (bytes === undefined) {
      this.#request.destroy();
      this.#fail(responseTooLarge(this.#call.maxResponseBytes));
      return;
    }
    // Status 204 has no body; its output has no fields.
    let value: unknown = {};
    try {
      if (status !== 204) value = JSON.parse(bytes.toString('utf8'));
    } catch (cause) {
      this.#fail(status >= 400 ? fromProblem(undefined, status) : malformedResponse(cause));
      return;
    }
    if ((status >= 200 && status < 300) || status === this.#call.operation.status) this.#succeed(value);
    else this.#fail(fromProblem(value, status));
  }

  #connectionError(cause: unknown): ServiceError {
    const { service } = this.#call.operation;
    return this.#connected ? connectionLost(service, false) : connectionRefused(service, cause);
  }

  #succeed(output: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#call.onResult(output);
  }

  #fail(error: ServiceError): void {
    if (this.#settled) return;
    this.#settled = true;
    if (this.#call.upload !== undefined) this.#request.destroy();
    this.#call.onError(error);
  }
}

function headersOf(call: HttpCall, body: string | undefined): Record<string, string | number> {
  const { context, upload, token, user, clock } = call;
  const headers: Record<string, string | number> = {
    [callHeaders.serviceToken]: `Bearer ${token}`,
    [callHeaders.trace]: formatTraceparent(context.trace),
  };
  if (context.deadlineMs < Number.POSITIVE_INFINITY) {
    headers[callHeaders.deadline] = Math.max(Math.ceil(context.deadlineMs - clock.nowMs()), 0);
  }
  if (user !== undefined) headers[callHeaders.user] = user;
  if (context.idempotencyKey !== undefined) headers[callHeaders.idempotencyKey] = context.idempotencyKey;
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = Buffer.byteLength(body);
  } else if (upload !== undefined) {
    headers['content-type'] = upload.contentType;
    if (upload.length !== undefined) headers['content-length'] = upload.length;
    else headers['transfer-encoding'] = 'chunked';
  }
  return headers;
}

function downloadOf(response: IncomingMessage, call: HttpCall): Download {
  const { headers } = response;
  const length = headers['content-length'];
  const etag = /^"([^"]*)"$/.exec(headers.etag ?? '')?.[1];
  const cacheControl = headers['cache-control'];
  const fileName = fileNameOf(headers['content-disposition']);
  const lastModifiedMs = Date.parse(headers['last-modified'] ?? '');
  return {
    contentType: headers['content-type'] ?? 'application/octet-stream',
    body: bytesOf(response, call.operation.service),
    ...(length === undefined ? undefined : { length: Number(length) }),
    ...(etag === undefined ? undefined : { etag }),
    ...(cacheControl === undefined ? undefined : { cacheControl }),
    ...(fileName === undefined ? undefined : { fileName }),
    ...(Number.isNaN(lastModifiedMs) ? undefined : { lastModifiedMs }),
    ...(headers.vary === undefined ? undefined : { vary: headers.vary.split(/,\s*/) }),
    ...notModifiedOf(response, call),
  };
}

/** The callee has looked at the conditions, if the operation takes them; nobody after it has to. */
function notModifiedOf({ statusCode }: IncomingMessage, { operation }: HttpCall): Partial<Download> {
  if (statusCode === 304) return { notModified: true };
  const isConditional = Object.values(operation.headers).some((header) => header.startsWith('if-'));
  return isConditional ? { notModified: false } : {};
}

async function* bytesOf(response: IncomingMessage, service: string): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of response) yield chunk as Uint8Array;
  } catch (cause) {
    throw connectionLost(service, false, cause);
  }
  if (!response.complete) throw connectionLost(service, false);
}

function fileNameOf(disposition: string | undefined): string | undefined {
  if (disposition === undefined) return undefined;
  const encoded = /filename\*=UTF-8''([^;]+)/.exec(disposition)?.[1];
  if (encoded !== undefined) return decodeURIComponent(encoded);
  return /filename="([^"]*)"/.exec(disposition)?.[1];
}

/** Resolves with undefined if there is more than `maxBytes`; rejects with undefined if the connection breaks before the end. */
function collect(response: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else resolve(undefined);
    });
    response.on('end', () => resolve(Buffer.concat(chunks)));
    response.on('close', () => reject(undefined));
  });
}
