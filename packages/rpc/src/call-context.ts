import {
  type CallContext,
  type Caller,
  type Clock,
  type ServiceError,
  systemClock,
  type TraceContext,
} from '@banyan/core';
import {
  createDeadlineWheel,
  type Deadline,
  type DeadlineTarget,
  type DeadlineWheel,
} from '@banyan/resilience';
import {
  childTrace,
  createTrace,
  parseTraceparent,
  type Span,
  type SpanType,
  type Tracer,
} from '@banyan/telemetry';
import { deadlinePassed, toCancellation } from './cancellation.ts';
import { checkIdempotencyKey } from './idempotency-key.ts';

/** Something that ends when a call does. An object instead of a callback, so that a call can be its own target. */
export interface CancelTarget {
  cancel(reason: ServiceError): void;
}

/** A call context that its owner can end, and that others can follow without the cost of an `AbortSignal`. */
export interface CancellableCallContext extends CallContext, CancelTarget {
  /** Why nobody waits for the answer any more; undefined while somebody does. */
  readonly cancelled: ServiceError | undefined;
  /** Cancels this context, its signal, its targets and every context derived from it. The first reason stays. */
  cancel(reason?: ServiceError): void;
  /** Cancels `target` when this context is cancelled or its deadline passes; at once if that has happened already. */
  onCancel(target: CancelTarget): void;
  offCancel(target: CancelTarget): void;
  /** The work is done: releases the deadline and the link to the parent. The signal never aborts after that. */
  end(): void;
}

/** A call context as the runner of the call holds it. */
export interface RunnableCallContext extends CancellableCallContext {
  /** When the call was made, or came in. */
  readonly madeAtMs: number;
  /** The call came from another process. */
  readonly isReceived: boolean;
  /** Of this call, if it has one: unlike `trace` it is not made for whoever asks. */
  readonly span: Span | undefined;
  /** Begins the span of this call, which is its trace context from then on. Call it before anybody has asked for `trace`. */
  startSpan(tracer: Tracer, type: SpanType): Span;
  /** Rejects with the reason when the call is cancelled or its deadline passes; at once if that has happened already. */
  rejectOnCancel(reject: (reason: ServiceError) => void): void;
}

/** What the contexts of one process share. */
export interface CallEnvironment {
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
}

export interface RootCallOptions {
  readonly caller: Caller;
  /** Epoch milliseconds. Default: `timeoutMs` from now. */
  readonly deadlineMs?: number;
  /** Default 10,000; `Infinity` for work that nobody waits for. */
  readonly timeoutMs?: number;
  /** Default: a new trace. */
  readonly trace?: TraceContext | undefined;
  readonly idempotencyKey?: string | undefined;
  /** Work without end, such as a background task: each call that it makes begins a trace. Default false. */
  readonly isEndless?: boolean;
  /** Default: the system clock and the process's own wheel. */
  readonly environment?: CallEnvironment;
}

export interface DerivedCallOptions {
  /** The service that makes the new call; the end user stays the parent's. */
  readonly service: string;
  /** The new deadline is this far away, or the parent's if that is earlier. */
  readonly timeoutMs: number;
  /** Names the effect of the new call; never inherited, since it names another effect. */
  readonly idempotencyKey?: string | undefined;
  /** Cancels the new call alone. */
  readonly signal?: AbortSignal | undefined;
  /** What the new call is a child of, if that is not the parent's own span but one below it. */
  readonly below?: TraceContext | undefined;
}

const processEnvironment: CallEnvironment = { clock: systemClock, wheel: createDeadlineWheel() };

/**
 * The context of work that starts here: a request from outside, an event, a timer. `end` it when the work is done.
 * @throws ServiceError `invalid_argument` `invalid_idempotency_key`
 */
export function createCallContext(options: RootCallOptions): CancellableCallContext {
  const environment = options.environment ?? processEnvironment;
  checkIdempotencyKey(options.idempotencyKey);
  const deadlineMs = options.deadlineMs ?? environment.clock.nowMs() + (options.timeoutMs ?? 10_000);
  const scope = new CallScope(environment, undefined, options.caller, deadlineMs, options.idempotencyKey);
  if (options.trace !== undefined) scope.givenTrace = options.trace;
  scope.isEndless = options.isEndless ?? false;
  return scope;
}

/** The context of one call that has come in from another process. */
export function receiveCallContext(options: {
  readonly caller: Caller;
  readonly timeoutMs: number;
  readonly trace?: TraceContext | undefined;
  /** The trace as a W3C header, read when somebody asks for it; a malformed one starts a new trace. */
  readonly traceparent?: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly environment: CallEnvironment;
}): RunnableCallContext {
  const { environment, caller, timeoutMs, trace, idempotencyKey } = options;
  const madeAtMs = environment.clock.nowMs();
  const scope = new CallScope(environment, undefined, caller, madeAtMs + timeoutMs, idempotencyKey);
  scope.madeAtMs = madeAtMs;
  scope.forOneCall = true;
  scope.isReceived = true;
  if (trace !== undefined) scope.givenTrace = trace;
  scope.traceparent = options.traceparent;
  return scope;
}

/**
 * The context of one outgoing call made on behalf of `parent`: a child span, the same user, never a later
 * deadline. Use it for one call.
 * @throws ServiceError `invalid_argument` `invalid_idempotency_key`
 */
export function deriveCallContext(parent: CallContext, options: DerivedCallOptions): CancellableCallContext {
  const environment = environmentOf(parent);
  checkIdempotencyKey(options.idempotencyKey);
  const { user } = parent.caller;
  const caller = user === undefined ? { service: options.service } : { service: options.service, user };
  const madeAtMs = environment.clock.nowMs();
  const deadlineMs = Math.min(parent.deadlineMs, madeAtMs + options.timeoutMs);
  const scope = new CallScope(environment, parent, caller, deadlineMs, options.idempotencyKey);
  scope.madeAtMs = madeAtMs;
  scope.forOneCall = true;
  if (options.signal !== undefined) scope.ownSignal = options.signal;
  if (options.below !== undefined) scope.below = options.below;
  return scope;
}

/**
 * The context that the runner of one call may end: `context` itself if it was made for one call and is not in use yet, else the
 * same call in a scope of its own.
 * @param timeoutMs longest time that the call may take, from when it was made
 */
export function claimCallContext(context: CallContext, timeoutMs: number): RunnableCallContext {
  const madeAtMs = context instanceof CallScope && context.forOneCall ? context.madeAtMs : nowOf(context);
  const latestMs = madeAtMs + timeoutMs;
  if (context instanceof CallScope && context.forOneCall && context.deadlineMs <= latestMs) {
    context.forOneCall = false;
    return context;
  }
  const deadlineMs = Math.min(context.deadlineMs, latestMs);
  const scope = new CallScope(
    environmentOf(context),
    context,
    context.caller,
    deadlineMs,
    context.idempotencyKey,
  );
  scope.sameSpan = true;
  scope.isReceived = context instanceof CallScope && context.isReceived;
  scope.madeAtMs = madeAtMs;
  return scope;
}

export function environmentOf(context: CallContext): CallEnvironment {
  return context instanceof CallScope ? context.environment : processEnvironment;
}

function nowOf(context: CallContext): number {
  return environmentOf(context).clock.nowMs();
}

/**
 * Watches deadline and parent only while somebody follows this context, so that a call that nobody follows costs no more
 * than its fields.
 */
class CallScope implements RunnableCallContext, DeadlineTarget {
  readonly environment: CallEnvironment;
  readonly caller: Caller;
  readonly deadlineMs: number;
  readonly idempotencyKey: string | undefined;
  sameSpan = false;
  isEndless = false;
  isReceived = false;
  forOneCall = false;
  span: Span | undefined = undefined;
  madeAtMs = 0;
  givenTrace: TraceContext | undefined = undefined;
  below: TraceContext | undefined = undefined;
  traceparent: string | undefined = undefined;
  /** Cancels this call alone, beside what cancels the parent. */
  ownSignal: AbortSignal | undefined = undefined;
  cancelled: ServiceError | undefined = undefined;
  readonly #parent: CallContext | undefined;
  #abort: AbortController | undefined = undefined;
  #reject: ((reason: ServiceError) => void) | undefined = undefined;
  /** Nearly always there is one target at a time; the set is for the rest. */
  #target: CancelTarget | undefined = undefined;
  #moreTargets: Set<CancelTarget> | undefined = undefined;
  #deadline: Deadline | undefined = undefined;
  #onSignal: (() => void) | undefined = undefined;
  #watching = false;
  #ended = false;

  constructor(
    environment: CallEnvironment,
    parent: CallContext | undefined,
    caller: Caller,
    deadlineMs: number,
    idempotencyKey: string | undefined,
  ) {
    this.environment = environment;
    this.#parent = parent;
    this.caller = caller;
    this.deadlineMs = deadlineMs;
    this.idempotencyKey = idempotencyKey;
  }

  get trace(): TraceContext {
    this.givenTrace ??= this.#makeTrace();
    return this.givenTrace;
  }

  startSpan(tracer: Tracer, type: SpanType): Span {
    const cause = this.#causeOfSpan();
    const span = tracer.start(type, cause);
    this.givenTrace = span;
    this.span = span;
    if (this.sameSpan && this.#parent instanceof CallScope) this.#parent.span = span;
    if (cause === undefined) this.#beginTraceAbove(span);
    return span;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      this.#watch();
      if (this.cancelled !== undefined) this.#abort.abort(this.cancelled);
    }
    return this.#abort.signal;
  }

  onCancel(target: CancelTarget): void {
    this.#watch();
    if (this.cancelled !== undefined) target.cancel(this.cancelled);
    else if (this.#target === undefined) this.#target = target;
    else {
      this.#moreTargets ??= new Set();
      this.#moreTargets.add(target);
    }
  }

  rejectOnCancel(reject: (reason: ServiceError) => void): void {
    this.#reject = reject;
    this.#watch();
    if (this.cancelled !== undefined) reject(this.cancelled);
    // The wheel would notice within a tick; work whose time is up should not even start.
    else if (this.deadlineMs <= this.madeAtMs) this.expire();
  }

  offCancel(target: CancelTarget): void {
    if (this.#target === target) this.#target = undefined;
    else this.#moreTargets?.delete(target);
    if (!this.#isFollowed()) this.#unwatch();
  }

  cancel(reason?: ServiceError): void {
    if (this.cancelled !== undefined || this.#ended) return;
    const cancelled = reason ?? toCancellation(undefined);
    this.cancelled = cancelled;
    const reject = this.#reject;
    const target = this.#target;
    const moreTargets = this.#moreTargets;
    this.#release();
    reject?.(cancelled);
    target?.cancel(cancelled);
    if (moreTargets !== undefined) for (const more of moreTargets) more.cancel(cancelled);
    this.#abort?.abort(cancelled);
  }

  /** The wheel calls this. */
  expire(): void {
    this.cancel(deadlinePassed());
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release();
  }

  #isFollowed(): boolean {
    if (this.#target !== undefined || this.#reject !== undefined || this.#abort !== undefined) return true;
    return this.#moreTargets !== undefined && this.#moreTargets.size > 0;
  }

  #causeOfSpan(): TraceContext | undefined {
    if (this.below !== undefined) return this.below;
    const parent = this.#parent;
    if (parent === undefined) return this.givenTrace ?? parseTraceparent(this.traceparent);
    if (isEndless(parent)) return undefined;
    // To ask for `trace` would invent one, of which no sampler has heard.
    const isOpen = parent instanceof CallScope && parent.givenTrace === undefined;
    return isOpen ? parent.#causeOfSpan() : parent.trace;
  }

  /** The first span below a context without a trace begins the trace of that context. */
  #beginTraceAbove(span: Span): void {
    const parent = this.#parent;
    if (!(parent instanceof CallScope) || parent.isEndless || parent.givenTrace !== undefined) return;
    parent.givenTrace = span;
    parent.#beginTraceAbove(span);
  }

  #makeTrace(): TraceContext {
    if (this.below !== undefined) return childTrace(this.below);
    const parent = this.#parent;
    if (parent === undefined) return parseTraceparent(this.traceparent) ?? createTrace();
    if (this.sameSpan) return parent.trace;
    return isEndless(parent) ? createTrace() : childTrace(parent.trace);
  }

  #watch(): void {
    if (this.#watching || this.#ended || this.cancelled !== undefined) return;
    this.#watching = true;
    const parent = this.#parent;
    // A parent in the same process watches its own deadline; a second entry for the same moment would be waste.
    if (!(parent instanceof CallScope) || parent.deadlineMs !== this.deadlineMs) {
      this.#deadline = this.environment.wheel.add(this.deadlineMs, this);
    }
    if (parent instanceof CallScope) parent.onCancel(this);
    else if (parent !== undefined) this.#followSignal(parent.signal);
    if (this.ownSignal !== undefined) this.#followSignal(this.ownSignal);
  }

  #followSignal(signal: AbortSignal): void {
    if (this.cancelled !== undefined) return;
    if (signal.aborted) {
      this.cancel(toCancellation(signal.reason));
      return;
    }
    this.#onSignal ??= () => {
      const aborted = this.ownSignal?.aborted ? this.ownSignal : this.#parent?.signal;
      this.cancel(toCancellation(aborted?.reason));
    };
    signal.addEventListener('abort', this.#onSignal);
  }

  #unwatch(): void {
    if (!this.#watching) return;
    this.#watching = false;
    const parent = this.#parent;
    if (this.#deadline !== undefined) {
      this.environment.wheel.cancel(this.#deadline);
      this.#deadline = undefined;
    }
    if (parent instanceof CallScope) parent.offCancel(this);
    if (this.#onSignal !== undefined) {
      this.ownSignal?.removeEventListener('abort', this.#onSignal);
      if (!(parent instanceof CallScope)) parent?.signal.removeEventListener('abort', this.#onSignal);
    }
  }

  #release(): void {
    this.#unwatch();
    this.#reject = undefined;
    this.#target = undefined;
    this.#moreTargets = undefined;
  }
}

function isEndless(context: CallContext): boolean {
  return context instanceof CallScope && context.isEndless;
}
