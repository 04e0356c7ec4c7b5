import { type Clock, ServiceError, systemClock } from '@banyan/core';
import { failureKindOf } from './outcome.ts';
import { createOutcomeWindow, type OutcomeWindow } from './outcome-window.ts';

export const circuitStates = ['closed', 'open', 'half_open'] as const;
export type CircuitState = (typeof circuitStates)[number];

/** How a call failed: nobody answered in time, or somebody answered that it could not be done. */
export type FailureKind = 'timeout' | 'error';

export interface CircuitTransition {
  readonly from: CircuitState;
  readonly to: CircuitState;
  readonly atMs: number;
}

export interface CircuitBreakerOptions {
  readonly clock?: Clock;
  /** Opens at this many timeouts in a row. Default 4: three retries, then unavailable. */
  readonly consecutiveTimeouts?: number;
  /** Opens when the share of failed calls in the window is above this. Default 0.5. */
  readonly errorRate?: number;
  /** The error rate says nothing before this many calls in the window. Default 20. */
  readonly minimumCalls?: number;
  /** Default 10,000. */
  readonly windowMs?: number;
  /** Refuses everything for this long, then admits a probe. Default 5,000. */
  readonly openForMs?: number;
  /** What is protected, for the message of the refusal. */
  readonly name?: string;
  readonly onTransition?: (transition: CircuitTransition) => void;
}

/**
 * Keeps calls away from something that does not answer (Nygard, Release It!). Closed: calls pass and are counted. Open:
 * they are refused at once. Half-open: one call at a time passes as a probe; its success closes, its failure opens again.
 *
 * Report each admitted call exactly once, with the permit that `admit` gave: an outcome that belongs to an earlier state is
 * ignored, so that a call from before the trouble neither closes nor opens the circuit by arriving late.
 */
export interface CircuitBreaker {
  readonly state: CircuitState;
  /** True if `admit` would not throw now. */
  readonly available: boolean;
  /** Asks to make a call. @throws ServiceError `unavailable` `circuit_open`, `notStarted` */
  admit(): number;
  /** The error that `admit` throws, for who knows that it would. */
  refusal(): ServiceError;
  /** The callee answered; a refusal (declared, `invalid_argument`, `not_found` …) is an answer too. */
  succeeded(permit: number): void;
  failed(permit: number, kind: FailureKind): void;
  /** The caller gave up for its own reasons: says nothing about the callee. */
  abandoned(permit: number): void;
  /** `admit`, the task, and the report of its outcome, sorted by `failureKindOf`. */
  run<Result>(task: () => Promise<Result>): Promise<Result>;
}

export function createCircuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  return new TwoRuleBreaker(options);
}

class TwoRuleBreaker implements CircuitBreaker {
  readonly #clock: Clock;
  readonly #consecutiveTimeouts: number;
  readonly #errorRate: number;
  readonly #minimumCalls: number;
  readonly #openForMs: number;
  readonly #name: string;
  readonly #onTransition: ((transition: CircuitTransition) => void) | undefined;
  readonly #window: OutcomeWindow;
  #state: CircuitState = 'closed';
  /** Counts transitions and probes; permits of an earlier value are stale. */
  #permit = 0;
  #timeoutsInARow = 0;
  #openUntilMs = 0;
  #probing = false;

  constructor(options: CircuitBreakerOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#consecutiveTimeouts = options.consecutiveTimeouts ?? 4;
    this.#errorRate = options.errorRate ?? 0.5;
    this.#minimumCalls = options.minimumCalls ?? 20;
    this.#openForMs = options.openForMs ?? 5_000;
    this.#name = options.name ?? 'The service';
    this.#onTransition = options.onTransition;
    this.#window = createOutcomeWindow(options.windowMs ?? 10_000);
  }

  get state(): CircuitState {
    return this.#state;
  }

  get available(): boolean {
    if (this.#state === 'closed') return true;
    if (this.#state === 'open') return this.#clock.nowMs() >= this.#openUntilMs;
    return !this.#probing;
  }

  admit(): number {
    if (this.#state === 'closed') return this.#permit;
    if (!this.available) throw this.refusal();
    if (this.#state === 'open') this.#become('half_open');
    this.#probing = true;
    this.#permit += 1;
    return this.#permit;
  }

  succeeded(permit: number): void {
    if (permit !== this.#permit) return;
    if (this.#state === 'half_open') {
      this.#become('closed');
      return;
    }
    this.#timeoutsInARow = 0;
    this.#window.count(this.#clock.nowMs(), false);
  }

  failed(permit: number, kind: FailureKind): void {
    if (permit !== this.#permit || this.#state === 'open') return;
    if (this.#state === 'half_open') {
      this.#become('open');
      return;
    }
    this.#timeoutsInARow = kind === 'timeout' ? this.#timeoutsInARow + 1 : 0;
    this.#window.count(this.#clock.nowMs(), true);
    if (this.#timeoutsInARow >= this.#consecutiveTimeouts || this.#rateIsTooHigh()) this.#become('open');
  }

  abandoned(permit: number): void {
    if (permit === this.#permit) this.#probing = false;
  }

  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    const permit = this.admit();
    try {
      const result = await task();
      this.succeeded(permit);
      return result;
    } catch (error) {
      const kind = failureKindOf(error);
      if (kind === 'none') this.succeeded(permit);
      else if (kind === 'cancelled') this.abandoned(permit);
      else this.failed(permit, kind);
      throw error;
    }
  }

  #rateIsTooHigh(): boolean {
    const { calls, failures } = this.#window;
    return calls >= this.#minimumCalls && failures > calls * this.#errorRate;
  }

  #become(to: CircuitState): void {
    const from = this.#state;
    const atMs = this.#clock.nowMs();
    this.#state = to;
    this.#permit += 1;
    this.#probing = false;
    this.#timeoutsInARow = 0;
    if (to === 'open') this.#openUntilMs = atMs + this.#openForMs;
    if (to === 'closed') this.#window.clear();
    this.#onTransition?.({ from, to, atMs });
  }

  refusal(): ServiceError {
    const retryAfterMs = Math.max(this.#openUntilMs - this.#clock.nowMs(), 0);
    return new ServiceError(`${this.#name} does not answer at the moment.`, {
      code: 'unavailable',
      reason: 'circuit_open',
      notStarted: true,
      ...(this.#state === 'open' ? { retryAfterMs } : undefined),
    });
  }
}
