import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ServiceIdentity } from '@banyan/auth';
import { isStreaming, type Operation } from '@banyan/contract';
import { type Caller, type ErrorCode, isServiceError, ServiceError, toProblem } from '@banyan/core';
import { type RunnableCallContext, receiveCallContext } from '../call-context.ts';
import { unknownOperation } from '../handler-error.ts';
import { parseJson } from '../http/json-body.ts';
import { bodyTooLarge } from '../http/request-errors.ts';
import { encodeOutput } from '../json-value.ts';
import { type CallHead, readCallHead } from './call-frame.ts';
import { frameFlag, frameType, type Hello } from './frame.ts';
import { createFrameReader, type Frame, type FrameReader } from './frame-reader.ts';
import { createFrameWriter, type FrameWriter } from './frame-writer.ts';
import type { LaneServerOptions } from './lane-server.ts';
import { createMessageParts, type MessageParts, type WholeMessage } from './message-parts.ts';
import { OpenCalls } from './open-calls.ts';
import { createUserSlots, type UserSlots } from './user-slots.ts';

/** The callee's side of one lane. */
export interface ServerLink {
  /** Says goodbye; resolves when the calls in flight are answered and the connection is closed. */
  drain(): Promise<void>;
  destroy(): void;
}

export function createServerLink(
  options: LaneServerOptions,
  socket: Duplex,
  identity: ServiceIdentity,
): ServerLink {
  return new FrameServerLink(options, socket, identity);
}

/** A caller that does not take its answers is not read from any more, until it does. */
const maxBacklogBytes = 4_194_304;
/** What is kept of calls that have not arrived as a whole: of all together, beside the limit for each. */
const maxPartBytes = 67_108_864;
/** Callers ping every 10 seconds; one that is silent for longer than this is gone. */
const silentAfterMs = 60_000;
/** For callers that are told to go and do not close the connection themselves, as they do when nothing is in flight. */
const lastCallGraceMs = 1_000;

class FrameServerLink implements ServerLink {
  readonly #options: LaneServerOptions;
  readonly #socket: Duplex;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #operations: readonly Operation[];
  readonly #calls = new OpenCalls<RunnableCallContext>();
  /** Calls that wait until it is known who their user is. */
  readonly #arriving = new Map<number, object>();
  readonly #parts: MessageParts<CallHead>;
  readonly #users: UserSlots;
  #identity: ServiceIdentity;
  #draining = false;
  #heardFrom = true;
  #cancelTimer: () => void = () => {};
  #cancelEnd: (() => void) | undefined = undefined;

  constructor(options: LaneServerOptions, socket: Duplex, identity: ServiceIdentity) {
    const { endpoint, tokens, maxMessageBytes, maxCallsPerLink } = options;
    this.#options = options;
    this.#socket = socket;
    this.#identity = identity;
    this.#operations = Object.values(endpoint.contract.operations).filter(
      (operation) => !isStreaming(operation),
    );
    this.#parts = createMessageParts({
      maxBytes: maxMessageBytes,
      maxMessages: maxCallsPerLink,
      maxTotalBytes: Math.max(maxPartBytes, maxMessageBytes),
    });
    this.#users = createUserSlots(tokens, identity.service);
    this.#reader = createFrameReader(this.#onFrame);
    this.#writer = createFrameWriter(socket);
    socket.on('data', this.#onData);
    socket.on('drain', () => {
      if (this.#writer.backlogBytes <= maxBacklogBytes) socket.resume();
    });
    socket.on('end', () => socket.destroy());
    socket.on('close', this.#onClose);
    this.#sayHello();
    this.#watchSilence();
  }

  drain(): Promise<void> {
    this.#goAway();
    this.#endIfDone();
    return new Promise((resolve) => this.#socket.once('close', resolve));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #goAway(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#writer.send(frameType.goaway, 0, 0, 0, '');
  }

  #sayHello(): void {
    const hello: Hello = {
      operations: this.#operations.map(({ name }) => name),
      contractVersion: this.#options.endpoint.contract.version,
      maxMessageBytes: this.#options.maxMessageBytes,
    };
    this.#writer.send(frameType.hello, 0, 0, 0, JSON.stringify(hello));
  }

  #watchSilence(): void {
    this.#cancelTimer = this.#options.environment.clock.setTimer(() => {
      if (!this.#heardFrom) this.#socket.destroy();
      this.#heardFrom = false;
      this.#watchSilence();
    }, silentAfterMs);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#heardFrom = true;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#options.logger.warn('a lane was closed: its bytes make no sense', {
        caller: this.#identity.service,
        error,
      });
      this.#socket.destroy();
      return;
    }
    if (this.#writer.backlogBytes > maxBacklogBytes) this.#socket.pause();
  };

  readonly #onClose = (): void => {
    this.#cancelTimer();
    this.#cancelEnd?.();
    for (const context of this.#calls.takeAll()) context.cancel();
    this.#arriving.clear();
  };

  readonly #onFrame = (frame: Frame): void => {
    switch (frame.type) {
      case frameType.call:
        this.#onCall(frame);
        break;
      case frameType.part:
        this.#onPart(frame);
        break;
      case frameType.cancel:
        this.#onCancel(frame.id);
        break;
      case frameType.user:
        this.#users.set(frame.id, frame.bytes.toString('latin1', frame.start, frame.end));
        break;
      case frameType.token:
        this.#onToken(frame.bytes.toString('latin1', frame.start, frame.end));
        break;
      case frameType.ping:
        this.#writer.send(frameType.pong, 0, 0, 0, '');
        break;
      default:
        throw new Error(`A frame of type ${frame.type} cannot be.`);
    }
  };

  #onCancel(id: number): void {
    this.#parts.drop(id);
    this.#calls.get(id)?.cancel();
    if (this.#arriving.delete(id)) this.#endIfDone();
  }

  #onCall(frame: Frame): void {
    if (this.#calls.has(frame.id) || this.#arriving.has(frame.id))
      throw new Error(`Call ${frame.id} began twice.`);
    const { head, bodyStart } = readCallHead(frame);
    const body = frame.bytes.subarray(bodyStart, frame.end);
    if ((frame.flags & frameFlag.more) === 0)
      this.#begin(frame.id, { head, length: body.length, bytes: body });
    else if (!this.#parts.begin(frame.id, head, body)) this.#fail(frame.id, tooManyCalls(), undefined);
  }

  #onPart(frame: Frame): void {
    const bytes = frame.bytes.subarray(frame.start, frame.end);
    const message = this.#parts.add(frame.id, bytes, (frame.flags & frameFlag.more) === 0);
    if (message !== undefined) this.#begin(frame.id, message);
  }

  #begin(id: number, { head, length, bytes: body }: WholeMessage<CallHead>): void {
    try {
      this.#admit();
      const operation = this.#operations[head.operation];
      if (operation === undefined)
        throw unknownOperation(this.#options.endpoint.contract.name, String(head.operation));
      if (length > this.#options.maxMessageBytes) throw bodyTooLarge(this.#options.maxMessageBytes);
      if (body === undefined) throw tooManyCalls();
      const input = parseJson(body);
      const caller = this.#users.callerFor(head.user);
      if (caller instanceof Promise) this.#callWhenKnown(id, caller, { operation, head, input });
      else this.#call(id, { operation, head, caller, input });
    } catch (error) {
      if (!isServiceError(error)) throw error;
      this.#fail(id, error, undefined);
    }
  }

  /** The call counts from now on, and may be cancelled meanwhile. */
  #callWhenKnown(id: number, caller: Promise<Caller>, call: Omit<AcceptedCall, 'caller'>): void {
    const arrival = {};
    this.#arriving.set(id, arrival);
    // Another call may have the id of one that was cancelled.
    const isWanted = () => this.#arriving.get(id) === arrival && this.#arriving.delete(id);
    caller.then(
      (known) => {
        if (isWanted()) this.#call(id, { ...call, caller: known });
      },
      (error) => {
        if (isServiceError(error) && error.code === 'unauthenticated')
          this.#options.onRefused?.(error, (this.#socket as Socket).remoteAddress);
        if (isWanted()) this.#fail(id, error, undefined);
      },
    );
  }

  #admit(): void {
    if (this.#draining) throw notStarted('unavailable', 'shutting_down', 'This instance is stopping.');
    if (this.#inFlight >= this.#options.maxCallsPerLink) throw tooManyCalls();
    if (this.#options.environment.clock.nowMs() >= this.#identity.expiresAtMs) {
      throw notStarted('unavailable', 'link_expired', 'The service token of this connection has expired.');
    }
  }

  #call(id: number, call: AcceptedCall): void {
    const { endpoint, environment } = this.#options;
    const { operation, head, input } = call;
    const context = receiveCallContext({
      caller: call.caller,
      timeoutMs: Math.min(head.remainingMs, operation.timeoutMs),
      trace: head.trace,
      idempotencyKey: head.idempotencyKey,
      environment,
    });
    this.#calls.add(id, context);
    endpoint.call(operation.name, input, context).then(
      (output) => this.#answer(id, operation, context, output),
      (error) => this.#fail(id, error, context, operation),
    );
  }

  #answer(id: number, operation: Operation, context: RunnableCallContext, output: unknown): void {
    try {
      const text = encodeOutput(output);
      this.#finish(id, context);
      this.#writer.send(frameType.result, 0, id, 0, text);
      this.#record(operation, context, operation.status);
      this.#endIfDone();
    } catch (error) {
      this.#fail(id, error, context, operation);
    }
  }

  #fail(id: number, error: unknown, context: RunnableCallContext | undefined, operation?: Operation): void {
    this.#finish(id, context);
    const problem = toProblem(error, context?.trace.traceId);
    if (!this.#socket.destroyed) this.#writer.send(frameType.problem, 0, id, 0, JSON.stringify(problem));
    if (context !== undefined) this.#record(operation, context, problem.status);
    if (isServiceError(error) && error.reason === 'link_expired') this.#goAway();
    this.#endIfDone();
  }

  #finish(id: number, context: RunnableCallContext | undefined): void {
    if (context === undefined) return;
    context.end();
    this.#calls.take(id);
  }

  #record(operation: Operation | undefined, context: RunnableCallContext, status: number): void {
    const { metrics, environment } = this.#options;
    metrics?.answered('lane', operation, {
      status,
      durationMs: environment.clock.nowMs() - context.madeAtMs,
      trace: context.span,
    });
  }

  /** Not at once: a call may have been on its way when its caller was told to go, and must hear that it was not begun. */
  #endIfDone(): void {
    if (!this.#draining || this.#inFlight > 0 || this.#socket.destroyed) return;
    // Calls that are refused meanwhile do not put it off.
    this.#cancelEnd ??= this.#options.environment.clock.setTimer(() => {
      this.#cancelEnd = undefined;
      if (this.#inFlight === 0) this.#writer.end();
    }, lastCallGraceMs);
  }

  get #inFlight(): number {
    return this.#calls.size + this.#arriving.size;
  }

  #onToken(token: string): void {
    this.#options.tokens.verify(token).then(
      (identity) => {
        // A link never changes hands: its users and calls were vouched for by the first service.
        if (identity.service === this.#identity.service) this.#identity = identity;
        else this.#socket.destroy();
      },
      () => this.#socket.destroy(),
    );
  }
}

interface AcceptedCall {
  readonly operation: Operation;
  readonly head: CallHead;
  readonly caller: Caller;
  readonly input: unknown;
}

function tooManyCalls(): ServiceError {
  return notStarted(
    'resource_exhausted',
    'too_many_calls',
    'Too many calls are in flight on this connection.',
  );
}

function notStarted(code: ErrorCode, reason: string, message: string): ServiceError {
  return new ServiceError(message, { code, reason, notStarted: true });
}
