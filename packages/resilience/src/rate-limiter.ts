import { type Clock, ServiceError, systemClock, toServiceError } from '@banyan/core';
import { type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts';
import { createDeadlineWheel, type DeadlineWheel } from './deadline-wheel.ts';
import { createMemoryRateLimits } from './memory-rate-limits.ts';
import {
  type Charge,
  chargeOf,
  type Rate,
  type RateLimitStore,
  type Taking,
  type Verdict,
  verdictOf,
} from './rate-limit-store.ts';
import { createRefusalMemory, type RefusalMemory } from './refusal-memory.ts';

export const storeFailureModes = ['count_locally', 'refuse'] as const;
/**
 * What a limit does while the shared store does not answer. `count_locally`: each process counts by itself, so that `n` of them let through up to `n` times
 * the quota. `refuse`: nothing is let through.
 */
export type StoreFailureMode = (typeof storeFailureModes)[number];

/** One limit of a {@link RateLimiter}. */
export interface LimitedRate extends Rate {
  readonly name: string;
  readonly whenStoreFails: StoreFailureMode;
}

/** What is taken at once, and from whose quota. */
export interface Withdrawal {
  /** Whose. Without it everybody shares one quota. */
  readonly key: string;
  readonly units: number;
}

/**
 * Takes from quotas that several processes share. A key that was refused is refused from here until it can have what it wants: debts shrink no
 * faster than time passes, so the answer is known, and a flood costs the store nothing.
 */
export interface RateLimiter {
  /**
   * Synchronous where the answer is known here.
   * @throws ServiceError `unavailable` `rate_limits_unavailable` if the store does not answer and the limit refuses then
   */
  take(limit: LimitedRate, withdrawal: Withdrawal): Verdict | Promise<Verdict>;
}

export interface RateLimiterOptions {
  readonly store: RateLimitStore;
  readonly clock?: Clock;
  /** Called when the store stops answering and when it answers again. */
  readonly onStoreChange?: (change: {
    readonly answers: boolean;
    readonly error: ServiceError | undefined;
  }) => void;
}

export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  return new SharedRateLimiter(options);
}

/** How long the store is left alone after a failure. One request asks then, and the others do not wait for it. */
const retryStoreAfterMs = 1_000;
/** A request waits no longer than this to be counted. */
const answerWithinMs = 250;

class SharedRateLimiter implements RateLimiter {
  readonly #store: RateLimitStore;
  readonly #local: RateLimitStore;
  readonly #clock: Clock;
  readonly #wheel: DeadlineWheel;
  readonly #breaker: CircuitBreaker;
  readonly #refusals: RefusalMemory;
  #lastError: ServiceError | undefined;

  constructor({ store, clock = systemClock, onStoreChange }: RateLimiterOptions) {
    this.#store = store;
    this.#local = createMemoryRateLimits({ clock });
    this.#clock = clock;
    this.#wheel = createDeadlineWheel({ clock });
    this.#refusals = createRefusalMemory(clock);
    this.#breaker = createCircuitBreaker({
      clock,
      consecutiveTimeouts: 1,
      minimumCalls: 1,
      errorRate: 0,
      openForMs: retryStoreAfterMs,
      onTransition: ({ from, to }) => {
        if (from === 'closed') onStoreChange?.({ answers: false, error: this.#lastError });
        if (to === 'closed') onStoreChange?.({ answers: true, error: undefined });
      },
    });
  }

  take(limit: LimitedRate, { key, units }: Withdrawal): Verdict | Promise<Verdict> {
    const charge = chargeOf(limit, units);
    const fullKey = `${limit.name}|${key}`;
    const known = this.#refusals.find(fullKey, charge);
    if (known !== undefined) return verdictOf(limit, charge, known);
    if (!this.#breaker.available) return this.#takeWithoutStore(limit, fullKey, charge);
    const permit = this.#breaker.admit();
    try {
      const taking = this.#store.take(fullKey, charge);
      if (taking instanceof Promise) return this.#await(taking, { limit, fullKey, charge, permit });
      this.#breaker.succeeded(permit);
      return this.#decide(limit, fullKey, { charge, taking });
    } catch (error) {
      return this.#failed(error, { limit, fullKey, charge, permit });
    }
  }

  async #await(taking: Promise<Taking>, asked: Asked): Promise<Verdict> {
    try {
      const answer = await this.#inTime(taking);
      this.#breaker.succeeded(asked.permit);
      return this.#decide(asked.limit, asked.fullKey, { charge: asked.charge, taking: answer });
    } catch (error) {
      return this.#failed(error, asked);
    }
  }

  /** What comes later is of no interest any more, not even as an error. */
  #inTime(taking: Promise<Taking>): Promise<Taking> {
    return new Promise((resolve, reject) => {
      const deadline = this.#wheel.add(this.#clock.nowMs() + answerWithinMs, {
        expire: () => reject(noAnswer()),
      });
      void taking.then(resolve, reject).finally(() => this.#wheel.cancel(deadline));
    });
  }

  #failed(error: unknown, { limit, fullKey, charge, permit }: Asked): Verdict | Promise<Verdict> {
    // Whatever it is: a store that fails must not take the system with it.
    this.#lastError = toServiceError(error);
    this.#breaker.failed(permit, 'error');
    return this.#takeWithoutStore(limit, fullKey, charge);
  }

  #takeWithoutStore(limit: LimitedRate, fullKey: string, charge: Charge): Verdict | Promise<Verdict> {
    if (limit.whenStoreFails === 'refuse') throw unavailable(this.#lastError);
    const taking = this.#local.take(fullKey, charge);
    return taking instanceof Promise
      ? taking.then((answer) => verdictOf(limit, charge, answer))
      : verdictOf(limit, charge, taking);
  }

  #decide(
    limit: LimitedRate,
    fullKey: string,
    { charge, taking }: { readonly charge: Charge; readonly taking: Taking },
  ): Verdict {
    if (!taking.taken) this.#refusals.add(fullKey, taking.debtUs);
    return verdictOf(limit, charge, taking);
  }
}

interface Asked {
  readonly limit: LimitedRate;
  readonly fullKey: string;
  readonly charge: Charge;
  readonly permit: number;
}

function noAnswer(): ServiceError {
  return new ServiceError(`The store of rate limits did not answer within ${answerWithinMs} ms.`, {
    code: 'unavailable',
    reason: 'rate_limits_unavailable',
  });
}

function unavailable(cause: ServiceError | undefined): ServiceError {
  return new ServiceError('Requests cannot be counted at the moment; try again soon.', {
    code: 'unavailable',
    reason: 'rate_limits_unavailable',
    retryAfterMs: retryStoreAfterMs,
    notStarted: true,
    cause,
  });
}
