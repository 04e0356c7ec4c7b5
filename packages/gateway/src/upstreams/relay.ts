import type { Clock, Logger, ServiceError } from '@banyan/core';
import type { Deadline, DeadlineWheel } from '@banyan/resilience';
import type { Answerer, Exchange } from '../exchange.ts';
import { hasBody } from '../framing.ts';
import { type BodyPump, createBodyPump } from './body-pump.ts';
import type { ForwardMetrics } from './forward-metrics.ts';
import type { ResponseHead } from './response-head.ts';
import { createResponseReader, type ResponseEvents, type ResponseReader } from './response-reader.ts';
import { createResponseWriter, type ResponseWriter } from './response-writer.ts';
import type { TurnEnd, TurnTask } from './turn-end.ts';
import type { Upstream } from './upstream.ts';
import type { ConnectionUser, UpstreamConnection } from './upstream-connection.ts';
import { brokenOff, invalidAnswer, unreachable, upstreamBusy, upstreamTimeout } from './upstream-errors.ts';
import type { UpstreamGroup } from './upstream-group.ts';

export interface RelayEnvironment {
  readonly group: UpstreamGroup;
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly turnEnd: TurnEnd;
  readonly logger: Logger;
  readonly metrics: ForwardMetrics;
  /** Answers under way that have no end of their own. */
  readonly endless: Set<Endless>;
}

/** An answer with server-sent events; clients open it anew when it ends. */
export interface Endless {
  finish(): void;
}

export interface RelayedRequest {
  readonly exchange: Exchange;
  /** The head as a given host gets it. */
  readonly head: (host: string) => string;
  /** Sees what passes, for a parallel run. */
  readonly copy?: RelayCopy;
}

/** What passed, for whoever compares it. */
export interface RelayCopy {
  onBody(chunk: Buffer): void;
  onHead(head: ResponseHead): void;
  onData(data: Buffer): void;
  /** The whole answer has passed. */
  onEnd(): void;
}

const none: ReadonlySet<Upstream> = new Set();
/** First attempt and repetitions. */
const maxAttempts = 3;
/** Repeating them changes nothing (RFC 9110, 9.2.2); those with a body are not repeated, because it is not kept. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** By which an upstream, or something before it, says that it does not work. */
const failures: ReadonlySet<number> = new Set([502, 503, 504]);

/** Sends one request to an upstream and its answer to the client, each at the pace of its reader. */
export function startRelay(request: RelayedRequest, environment: RelayEnvironment): void {
  new Relay(request, environment).start();
}

class Relay implements Answerer, ConnectionUser, ResponseEvents, TurnTask, Endless {
  readonly #request: RelayedRequest;
  readonly #environment: RelayEnvironment;
  readonly #answer: ResponseWriter;
  readonly #body: BodyPump | undefined;
  /** Those that have failed. */
  #tried: ReadonlySet<Upstream> = none;
  #upstream: Upstream | undefined = undefined;
  #connection: UpstreamConnection | undefined = undefined;
  #reader: ResponseReader | undefined = undefined;
  /** The request leaves with the end of this turn. */
  #isDue = false;
  #permit = 0;
  #attempts = 0;
  /** The last attempt was on an idle connection that the upstream was closing. */
  #isStale = false;
  #deadline: Deadline | undefined = undefined;
  #movedAtMs = 0;
  #head: ResponseHead | undefined = undefined;
  #ended = false;

  constructor(request: RelayedRequest, environment: RelayEnvironment) {
    const { exchange, copy } = request;
    this.#request = request;
    this.#environment = environment;
    this.#answer = createResponseWriter(exchange, () => this.#connection?.socket.resume());
    this.#body = hasBody(exchange.request)
      ? createBodyPump(exchange, {
          maxBytes: environment.maxBodyBytes,
          onChunk: (chunk) => copy?.onBody(chunk),
          onProblem: (error) => this.#giveUp(error, 'refused'),
        })
      : undefined;
  }

  start(): void {
    const { exchange } = this.#request;
    const { group, wheel, clock } = this.#environment;
    exchange.answerer = this;
    group.budget.deposit();
    this.#movedAtMs = clock.nowMs();
    this.#deadline = wheel.add(this.#movedAtMs + this.#environment.timeoutMs, this);
    this.#attempt();
  }

  #attempt(): void {
    const { group, maxHeaderBytes } = this.#environment;
    const { exchange } = this.#request;
    const afterStale = this.#isStale;
    this.#isStale = false;
    const upstream = afterStale ? this.#upstream : group.pick(this.#tried);
    if (upstream?.breaker.available !== true) {
      this.#giveUp(group.first.breaker.refusal(), 'refused');
      return;
    }
    if (upstream.isFull) {
      this.#giveUp(upstreamBusy(), 'refused');
      return;
    }
    this.#attempts += 1;
    this.#upstream = upstream;
    exchange.upstream = upstream.name;
    this.#permit = upstream.breaker.admit();
    this.#reader = createResponseReader({
      method: exchange.request.method ?? '',
      maxHeaderBytes,
      events: this,
    });
    this.#connection = upstream.take(afterStale);
    this.#connection.lendTo(this);
  }

  onConnected(): void {
    this.#isDue = true;
    this.#environment.turnEnd.add(this);
  }

  onTurnEnd(): void {
    const { exchange, head } = this.#request;
    const socket = this.#connection?.socket;
    if (!this.#isDue || socket === undefined || this.#upstream === undefined) return;
    // Its end is told in a moment; until then nothing of the request is gone.
    if (socket.destroyed) return;
    this.#isDue = false;
    this.#movedAtMs = this.#environment.clock.nowMs();
    socket.write(head(this.#upstream.host), 'latin1');
    exchange.acceptBody();
    this.#body?.start(socket);
  }

  onBytes(bytes: Buffer): boolean {
    if (this.#isDue) {
      // It cannot be the answer to what has not been asked.
      this.#connection?.socket.destroy();
      return true;
    }
    this.#movedAtMs = this.#environment.clock.nowMs();
    this.#reader?.take(bytes);
    if (this.#ended || this.#head === undefined) return false;
    if (!this.#answer.flush()) this.#connection?.socket.pause();
    return this.#request.copy === undefined && this.#answer.isThrough;
  }

  onLastByte(): void {
    if (this.#reader?.begun === true) this.#reader.end();
    else this.onBroken(undefined);
  }

  onDrain(): void {
    this.#movedAtMs = this.#environment.clock.nowMs();
    this.#body?.resume();
  }

  onBroken(cause: Error | undefined): void {
    const connection = this.#connection;
    if (connection === undefined || this.#ended) return;
    this.#isStale = connection.used && this.#reader?.begun === false;
    const isSent = connection.connected && !this.#isDue;
    if (isSent) this.#failed(brokenOff(cause), 'broke_off');
    else this.#failed(unreachable(cause), 'unreachable');
  }

  onInformation(): void {}

  onHead(head: ResponseHead): void {
    if (head.status === 101) {
      this.onProblem('the protocol was changed without having been asked to');
      return;
    }
    this.#head = head;
    if (failures.has(head.status)) this.#upstream?.breaker.failed(this.#permit, 'error');
    else this.#upstream?.breaker.succeeded(this.#permit);
    this.#answer.begin(head);
    if (isEventStream(head)) this.#environment.endless.add(this);
    this.#request.copy?.onHead(head);
  }

  onData(data: Buffer): void {
    if (this.#ended) return;
    this.#answer.write(data);
    this.#request.copy?.onData(data);
  }

  /** Of the answer. */
  onEnd(reusable: boolean): void {
    if (!this.#ended) this.#finish(reusable);
  }

  onProblem(problem: string): void {
    if (!this.#ended) this.#failed(invalidAnswer(problem), 'invalid_answer');
  }

  finish(): void {
    if (!this.#ended) this.#finish(false);
  }

  /** The deadline: nothing has moved for too long, unless it is the client that is waited for; other parts watch clients. */
  expire(): void {
    if (this.#ended) return;
    const { clock, wheel, timeoutMs, idleTimeoutMs } = this.#environment;
    const nowMs = clock.nowMs();
    const waitsForClient =
      this.#head === undefined ? this.#body?.waitsForClient === true : this.#answer.isFull;
    if (waitsForClient) this.#movedAtMs = nowMs;
    const dueMs = this.#movedAtMs + (this.#head === undefined ? timeoutMs : idleTimeoutMs);
    if (nowMs < dueMs) this.#deadline = wheel.add(dueMs, this);
    else this.#failed(upstreamTimeout(), 'timeout');
  }

  #finish(reusable: boolean): void {
    const whole = this.#body === undefined || this.#body.isDone;
    this.#settle(reusable && whole);
    this.#environment.metrics.forwarded(this.#upstream?.name ?? '', 'answered');
    this.#body?.stop();
    this.#answer.end();
    this.#request.copy?.onEnd();
  }

  #failed(error: ServiceError, outcome: 'unreachable' | 'broke_off' | 'invalid_answer' | 'timeout'): void {
    const { logger, metrics } = this.#environment;
    const { exchange } = this.#request;
    const upstream = this.#upstream;
    if (this.#head === undefined && upstream !== undefined) {
      // An idle connection that was being closed says nothing about whether the upstream works.
      if (this.#isStale) upstream.breaker.abandoned(this.#permit);
      else upstream.breaker.failed(this.#permit, outcome === 'timeout' ? 'timeout' : 'error');
      if (!this.#isStale) this.#tried = new Set([...this.#tried, upstream]);
    }
    metrics.forwarded(upstream?.name ?? '', outcome);
    const { traceId } = exchange.trace;
    logger.warn('upstream failed', {
      upstream: upstream?.name,
      traceId,
      route: exchange.route,
      outcome,
      error: error.cause,
    });
    this.#giveBack(false);
    if (this.#mayRepeat(outcome)) this.#attempt();
    else this.#giveUp(error, undefined);
  }

  #mayRepeat(outcome: string): boolean {
    if (this.#head !== undefined || this.#attempts >= maxAttempts) return false;
    const { group } = this.#environment;
    const { method = '' } = this.#request.exchange.request;
    const isSafe =
      outcome === 'unreachable'
        ? this.#body?.isBegun !== true
        : outcome === 'broke_off' && this.#body === undefined && idempotent.has(method);
    return isSafe && (this.#isStale || group.pick(this.#tried) !== undefined) && group.budget.withdraw();
  }

  #giveUp(error: ServiceError, outcome: 'refused' | undefined): void {
    if (this.#ended) return;
    if (outcome !== undefined) this.#environment.metrics.forwarded(this.#upstream?.name ?? '', outcome);
    if (outcome !== undefined && this.#connection !== undefined && this.#head === undefined)
      this.#upstream?.breaker.abandoned(this.#permit);
    this.#settle(false);
    this.#body?.stop();
    this.#answer.refuse(error);
  }

  /** Of the client. */
  onExchangeClosed(): void {
    if (this.#ended) return;
    if (this.#head === undefined) this.#upstream?.breaker.abandoned(this.#permit);
    this.#environment.metrics.forwarded(this.#upstream?.name ?? '', 'cancelled');
    this.#settle(false);
    this.#body?.stop();
  }

  /** The upstream's part is over. */
  #settle(reusable: boolean): void {
    this.#ended = true;
    this.#environment.endless.delete(this);
    if (this.#deadline !== undefined) this.#environment.wheel.cancel(this.#deadline);
    this.#giveBack(reusable);
  }

  #giveBack(reusable: boolean): void {
    if (this.#connection !== undefined) this.#upstream?.release(this.#connection, reusable);
    this.#connection = undefined;
    this.#isDue = false;
  }
}

function isEventStream({ fields }: ResponseHead): boolean {
  const index = fields.indexOf('content-type');
  return index % 2 === 0 && fields[index + 1]?.startsWith('text/event-stream') === true;
}
