import type { Duplex } from 'node:stream';
import type { ServiceTokens } from '@banyan/auth';
import { type CallContext, type Clock, fromProblem, type Logger, ServiceError } from '@banyan/core';
import { bodyTooLarge } from '../http/request-errors.ts';
import { callFlags, writeCallHead } from './call-frame.ts';
import { frameFlag, frameType, type Hello } from './frame.ts';
import { createFrameReader, type Frame } from './frame-reader.ts';
import { createFrameWriter, type FrameWriter } from './frame-writer.ts';
import { createMessageParts } from './message-parts.ts';
import { OpenCalls } from './open-calls.ts';
import { createUserNumbers } from './user-numbers.ts';

/** One call as a link sees it. */
export interface LaneCall {
  readonly operationName: string;
  readonly context: CallContext;
  readonly inputJson: string;
  onResult(output: unknown): void;
  onError(error: ServiceError): void;
}

export interface ClientLinkOptions {
  readonly socket: Duplex;
  /** The service at the other end. */
  readonly service: string;
  readonly tokens: ServiceTokens;
  /** The token that the connection was opened with. */
  readonly token: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxResponseBytes: number;
  readonly pingIntervalMs: number;
}

/** The caller's side of one lane: any number of calls at once over one connection. */
export interface ClientLink {
  /** False once the callee has said goodbye or the connection is lost; calls in flight may still be answered. */
  readonly usable: boolean;
  /** Sends a call; its answer comes through its `onResult` or `onError`, exactly once, never inside `send`. @returns its id */
  send(call: LaneCall, user: string | undefined): number;
  /** Nobody waits for this call any more: it will not be answered, and the callee is told. */
  cancel(id: number): void;
  /** Makes no new calls and closes when those in flight are answered. */
  drain(): void;
  /** Closes at once: calls in flight fail with `connection_lost`. */
  destroy(): void;
}

/** Resolves when the callee has said which operations it has. @throws ServiceError `unavailable` `connection_lost`, `notStarted` */
export function openClientLink(options: ClientLinkOptions): Promise<ClientLink> {
  return new Promise((resolve, reject) => {
    const link = new FrameClientLink(options, () => resolve(link), reject);
  });
}

class FrameClientLink implements ClientLink {
  readonly #options: ClientLinkOptions;
  readonly #socket: Duplex;
  readonly #writer: FrameWriter;
  readonly #calls = new OpenCalls<LaneCall>();
  readonly #parts;
  readonly #users;
  readonly #onReady: () => void;
  readonly #onFailed: (error: ServiceError) => void;
  #operations: ReadonlyMap<string, number> = new Map();
  #maxMessageBytes = 0;
  #token: string;
  #nextId = 1;
  #heardFrom = true;
  #cancelTimer: () => void = () => {};
  usable = false;

  constructor(options: ClientLinkOptions, onReady: () => void, onFailed: (error: ServiceError) => void) {
    const { socket } = options;
    this.#options = options;
    this.#socket = socket;
    this.#token = options.token;
    this.#onReady = onReady;
    this.#onFailed = onFailed;
    this.#parts = createMessageParts<number>({ maxBytes: options.maxResponseBytes });
    this.#writer = createFrameWriter(socket);
    this.#users = createUserNumbers((number, assertion) =>
      this.#writer.send(frameType.user, 0, number, 0, assertion),
    );
    const reader = createFrameReader(this.#onFrame);
    socket.on('data', (chunk: Buffer) => {
      this.#heardFrom = true;
      try {
        reader.push(chunk);
      } catch (error) {
        options.logger.warn('a lane was closed: its bytes make no sense', { callee: options.service, error });
        socket.destroy();
      }
    });
    socket.on('error', (error) =>
      options.logger.debug('a lane connection failed', { callee: options.service, error }),
    );
    socket.on('end', () => socket.destroy());
    socket.on('close', this.#onClose);
    this.#keepAlive();
  }

  send(call: LaneCall, user: string | undefined): number {
    const id = this.#newId();
    const operation = this.#operations.get(call.operationName);
    if (operation === undefined) {
      this.#failLater(call, calleeLacks(this.#options.service, call.operationName));
    } else if (call.inputJson.length > this.#maxMessageBytes) {
      this.#failLater(call, bodyTooLarge(this.#maxMessageBytes));
    } else {
      this.#calls.add(id, call);
      this.#write(id, operation, call, user);
    }
    return id;
  }

  cancel(id: number): void {
    if (this.#calls.take(id) === undefined) return;
    this.#writer.forget(id);
    this.#parts.drop(id);
    this.#writer.send(frameType.cancel, 0, id, 0, '');
    this.#endIfDone();
  }

  drain(): void {
    this.usable = false;
    this.#endIfDone();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #write(id: number, operation: number, call: LaneCall, user: string | undefined): void {
    const { context } = call;
    const head = {
      operation,
      remainingMs: Math.min(
        Math.max(Math.ceil(context.deadlineMs - this.#options.clock.nowMs()), 0),
        0xffffffff,
      ),
      trace: undefined,
      user: user === undefined ? undefined : this.#users.numberOf(user),
      idempotencyKey: context.idempotencyKey,
    };
    const headLength = writeCallHead(head, context.trace, this.#writer.head);
    this.#writer.send(frameType.call, callFlags(head), id, headLength, call.inputJson);
  }

  #newId(): number {
    do {
      this.#nextId = (this.#nextId + 1) >>> 0;
    } while (this.#calls.has(this.#nextId));
    return this.#nextId;
  }

  #failLater(call: LaneCall, error: ServiceError): void {
    queueMicrotask(() => call.onError(error));
  }

  readonly #onFrame = (frame: Frame): void => {
    switch (frame.type) {
      case frameType.result:
      case frameType.problem:
        this.#onAnswer(frame);
        break;
      case frameType.part:
        this.#onPart(frame);
        break;
      case frameType.hello:
        this.#onHello(JSON.parse(frame.bytes.toString('utf8', frame.start, frame.end)) as Hello);
        break;
      case frameType.goaway:
        this.drain();
        break;
      case frameType.pong:
        break;
      default:
        throw new Error(`A frame of type ${frame.type} cannot be.`);
    }
  };

  #onHello(hello: Hello): void {
    this.#operations = new Map(hello.operations.map((name, number) => [name, number]));
    this.#maxMessageBytes = hello.maxMessageBytes;
    this.usable = true;
    this.#onReady();
  }

  #onAnswer({ id, type, flags, bytes, start, end }: Frame): void {
    if (!this.#calls.has(id)) return;
    if ((flags & frameFlag.more) !== 0) this.#parts.begin(id, type, bytes.subarray(start, end));
    else this.#settle(id, type, bytes.toString('utf8', start, end));
  }

  #onPart({ id, flags, bytes, start, end }: Frame): void {
    const message = this.#parts.add(id, bytes.subarray(start, end), (flags & frameFlag.more) === 0);
    if (message !== undefined) this.#settle(id, message.head, message.bytes?.toString('utf8'));
  }

  /** @param text undefined if it was too large to be kept */
  #settle(id: number, type: number, text: string | undefined): void {
    const call = this.#calls.take(id);
    if (call === undefined) return;
    if (text === undefined) call.onError(responseTooLarge(this.#options.maxResponseBytes));
    else settleCall(call, type, text);
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (!this.usable && this.#calls.size === 0) this.#writer.end();
  }

  readonly #onClose = (): void => {
    this.usable = false;
    this.#cancelTimer();
    this.#onFailed(connectionLost(this.#options.service, true));
    for (const call of this.#calls.takeAll()) call.onError(connectionLost(this.#options.service, false));
  };

  /** Pings, gives up on a callee that is silent, and proves its identity anew before the last proof expires. */
  #keepAlive(): void {
    const { clock, pingIntervalMs } = this.#options;
    this.#cancelTimer = clock.setTimer(() => {
      if (!this.#heardFrom) {
        this.#socket.destroy();
        return;
      }
      this.#heardFrom = false;
      this.#writer.send(frameType.ping, 0, 0, 0, '');
      this.#renewToken();
      this.#keepAlive();
    }, pingIntervalMs);
  }

  #renewToken(): void {
    const { tokens, service, logger } = this.#options;
    tokens.issue(service).then(
      (token) => {
        if (token === this.#token || this.#socket.destroyed) return;
        this.#token = token;
        this.#writer.send(frameType.token, 0, 0, 0, token);
      },
      (error) => logger.error('no service token could be made', { callee: service, error }),
    );
  }
}

function settleCall(call: LaneCall, type: number, text: string): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    call.onError(malformedResponse(cause));
    return;
  }
  if (type === frameType.result) call.onResult(value);
  else call.onError(fromProblem(value, 500));
}

export function connectionLost(service: string, notStarted: boolean, cause?: unknown): ServiceError {
  return new ServiceError(`The connection to '${service}' broke.`, {
    code: 'unavailable',
    reason: 'connection_lost',
    notStarted,
    cause,
  });
}

export function malformedResponse(cause: unknown): ServiceError {
  return new ServiceError('The service answered with something that is no valid response.', {
    code: 'unknown',
    reason: 'malformed_response',
    cause,
  });
}

export function responseTooLarge(maxBytes: number): ServiceError {
  return new ServiceError(`The answer is larger than ${maxBytes} bytes.`, {
    code: 'internal',
    reason: 'response_too_large',
  });
}

function calleeLacks(service: string, operation: string): ServiceError {
  return new ServiceError(`This instance of '${service}' has no operation '${operation}'.`, {
    code: 'unimplemented',
    reason: 'unknown_operation',
    notStarted: true,
  });
}
