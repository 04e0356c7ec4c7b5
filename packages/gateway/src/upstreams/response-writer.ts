import { ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import type { ServiceError } from '@banyan/core';
import { discardBody } from '../discard-body.ts';
import type { Exchange } from '../exchange.ts';
import { hasBody } from '../framing.ts';
import { isSessionCookie } from '../session-cookie.ts';
import { endsHere } from './field-rules.ts';
import type { ResponseHead } from './response-head.ts';

/** Gives the answer of an upstream to the client. A short one that has arrived as a whole goes out in one piece. */
export interface ResponseWriter {
  /** The client has not taken yet what was written. */
  readonly isFull: boolean;
  /** The operating system has all that was written, so that nothing of it is needed here. */
  readonly isThrough: boolean;
  begin(head: ResponseHead): void;
  write(data: Buffer): void;
  /** Sends what is there; to be called when nothing more follows at once. @returns false if the client should be waited for */
  flush(): boolean;
  end(): void;
  refuse(error: ServiceError): void;
}

/** Up to this, a copy into the head's own buffer is cheaper than a write of its own. */
const maxJoinedBytes = 16_384;

/** @param onDrain the client takes more */
export function createResponseWriter(exchange: Exchange, onDrain: () => void): ResponseWriter {
  return new Writer(exchange, onDrain);
}

class Writer implements ResponseWriter {
  readonly #exchange: Exchange;
  readonly #onDrain: () => void;
  #head: ResponseHead | undefined = undefined;
  #first: Buffer | undefined = undefined;
  /**
   * Bytes of a known number follow the head as they are, so they are written to the connection: `response.write` puts off each one to the next tick,
   * and nobody could tell whether the client takes them, so that the upstream would be stopped and started for each. No connection is there yet while an
   * earlier answer is on its way.
   */
  #goesStraight = false;
  isFull = false;

  constructor(exchange: Exchange, onDrain: () => void) {
    this.#exchange = exchange;
    this.#onDrain = onDrain;
  }

  get isThrough(): boolean {
    return this.#goesStraight && this.#exchange.response.socket?.writableLength === 0;
  }

  begin(head: ResponseHead): void {
    this.#head = head;
  }

  write(data: Buffer): void {
    if (this.#head !== undefined && this.#first === undefined) {
      this.#first = data;
      return;
    }
    this.#sendHead();
    this.#send(data);
  }

  flush(): boolean {
    if (this.#head !== undefined) {
      this.#sendHead();
      // Whoever waits for events learns at once that there will be some.
      this.#exchange.response.flushHeaders();
    }
    return !this.isFull;
  }

  end(): void {
    const { response, request } = this.#exchange;
    if (response.destroyed) return;
    const first = this.#first;
    if (this.#head !== undefined && first !== undefined && first.length <= maxJoinedBytes) {
      this.#first = undefined;
      this.#sendHead();
      // Node sends a text together with the head in one write.
      response.end(first.toString('latin1'), 'latin1');
    } else {
      this.#sendHead();
      response.end();
    }
    if (!request.complete && hasBody(request)) discardBody(request);
  }

  refuse(error: ServiceError): void {
    this.#head = undefined;
    this.#exchange.refuse(error);
  }

  #sendHead(): void {
    const head = this.#head;
    if (head === undefined) return;
    this.#head = undefined;
    const { response } = this.#exchange;
    if (response.destroyed) return;
    const headers = this.#exchange.headers('forwarded');
    const { fields, named } = head;
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index] ?? '';
      const value = fields[index + 1] ?? '';
      if (name !== 'content-length' && (endsHere(name) || named.has(name))) continue;
      if (name === 'set-cookie' && isSessionCookie(value)) continue;
      if (name === 'strict-transport-security' && this.#exchange.endsTls) continue;
      headers.push(name, value);
    }
    response.writeHead(head.status, headers);
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) this.#send(first);
    this.#goesStraight = head.framing.kind === 'length' && response instanceof ServerResponse;
  }

  #send(data: Buffer): void {
    const { response } = this.#exchange;
    if (response.destroyed) return;
    // When a client half-closes, Node ends its side, too: a write would fail, and take along what is still to be sent. The response keeps it to itself.
    const socket = this.#goesStraight && response.socket?.writable ? response.socket : null;
    const stream: Writable = socket ?? response;
    if (stream.write(data) || this.isFull) return;
    // A large piece is told to wait for, also if the system has taken all of it at once.
    if (socket?.writableLength === 0) return;
    this.isFull = true;
    stream.once('drain', () => {
      this.isFull = false;
      this.#onDrain();
    });
  }
}
