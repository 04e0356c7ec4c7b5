import type { Socket } from 'node:net';
import type { ServiceError } from '@banyan/core';
import type { Exchange } from '../exchange.ts';
import { forwardedBodyTooLarge } from './upstream-errors.ts';

export interface BodyPumpOptions {
  readonly maxBytes: number;
  readonly onChunk: (chunk: Buffer) => void;
  readonly onProblem: (error: ServiceError) => void;
}

/** Carries the body of a request to an upstream, at the upstream's pace. */
export interface BodyPump {
  /** Something of the body has been taken, so it could not be sent again. */
  readonly isBegun: boolean;
  /** All of it is sent. */
  readonly isDone: boolean;
  /** The upstream would take more than the client sends. */
  readonly waitsForClient: boolean;
  start(socket: Socket): void;
  /** The upstream takes more. */
  resume(): void;
  /** Nothing is sent any more. */
  stop(): void;
}

export function createBodyPump(exchange: Exchange, options: BodyPumpOptions): BodyPump {
  return new Pump(exchange, options);
}

/** Of each upload, beside what the operating system holds. */
const maxUnsentBytes = 131_072;

class Pump implements BodyPump {
  readonly #exchange: Exchange;
  readonly #options: BodyPumpOptions;
  /** With a length the bytes go as they are; node:http sees to it that there are exactly as many. */
  readonly #chunked: boolean;
  isBegun = false;
  isDone = false;
  #socket: Socket | undefined = undefined;
  #bytes = 0;

  constructor(exchange: Exchange, options: BodyPumpOptions) {
    this.#exchange = exchange;
    this.#options = options;
    this.#chunked = exchange.request.headers['content-length'] === undefined;
  }

  get waitsForClient(): boolean {
    return this.#socket !== undefined && !this.isDone && !this.#socket.writableNeedDrain;
  }

  start(socket: Socket): void {
    const { request } = this.#exchange;
    this.isBegun = true;
    this.#socket = socket;
    request.on('data', this.#onData);
    request.on('end', this.#onEnd);
    // What breaks off shows as the end of the exchange.
    request.on('error', ignore);
  }

  resume(): void {
    if (this.#socket !== undefined && !this.isDone) this.#exchange.request.resume();
  }

  stop(): void {
    this.#socket = undefined;
    this.#exchange.request.off('data', this.#onData).off('end', this.#onEnd);
  }

  readonly #onData = (chunk: Buffer): void => {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.maxBytes) {
      this.#options.onProblem(forwardedBodyTooLarge(this.#options.maxBytes));
      return;
    }
    this.#options.onChunk(chunk);
    // To stop and start the client for every few bytes that the system has not taken costs more than to keep some.
    if (!this.#send(socket, chunk) && socket.writableLength > maxUnsentBytes) this.#exchange.request.pause();
  };

  readonly #onEnd = (): void => {
    this.isDone = true;
    if (this.#chunked) this.#socket?.write('0\r\n\r\n', 'latin1');
  };

  #send(socket: Socket, chunk: Buffer): boolean {
    if (!this.#chunked) return socket.write(chunk);
    socket.cork();
    socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    socket.write(chunk);
    const more = socket.write('\r\n', 'latin1');
    socket.uncork();
    return more;
  }
}

function ignore(): void {}
