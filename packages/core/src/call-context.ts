/** W3C trace context of one span. */
export interface TraceContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits: the span that this context belongs to. */
  readonly spanId: string;
  readonly sampled: boolean;
}

/** The end user on whose behalf a call runs, as the identity system vouched for it. */
export interface User {
  readonly id: string;
  readonly scopes: readonly string[];
}

/** Who calls: always a service of the system (`gateway` for calls from outside), and the end user if there is one. */
export interface Caller {
  readonly service: string;
  readonly user?: User;
}

/**
 * What travels with every call, event and timer, in every placement: who asks, until when the answer is wanted,
 * whether it still is, and which trace it belongs to.
 */
export interface CallContext {
  readonly trace: TraceContext;
  readonly caller: Caller;
  /** Epoch milliseconds after which nobody waits for the answer any more. */
  readonly deadlineMs: number;
  /** Aborts when the caller cancels or the deadline passes; the reason is a `ServiceError`. */
  readonly signal: AbortSignal;
  /** Same key, same effect: set by the caller of an operation that must not run twice. */
  readonly idempotencyKey: string | undefined;
}
