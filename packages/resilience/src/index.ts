export { type Backoff, type BackoffOptions, createBackoff } from './backoff.ts';
export { type Bulkhead, type BulkheadOptions, createBulkhead } from './bulkhead.ts';
export {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitState,
  type CircuitTransition,
  circuitStates,
  createCircuitBreaker,
  type FailureKind,
} from './circuit-breaker.ts';
export {
  type ConcurrencyLimit,
  type ConcurrencyLimitOptions,
  createConcurrencyLimit,
  type Place,
} from './concurrency-limit.ts';
export {
  createDeadlineWheel,
  type Deadline,
  type DeadlineTarget,
  type DeadlineWheel,
  type DeadlineWheelOptions,
} from './deadline-wheel.ts';
export { resilienceErrors } from './errors.ts';
export { createLatencyWindow, type LatencyWindow } from './latency-window.ts';
export { createMemoryRateLimits, type MemoryRateLimitsOptions } from './memory-rate-limits.ts';
export { failureKindOf, isRetryable, type OutcomeKind } from './outcome.ts';
export {
  type Charge,
  chargeOf,
  type Rate,
  type RateLimitStore,
  rateProblem,
  type Taking,
  type Verdict,
  verdictOf,
} from './rate-limit-store.ts';
export {
  createRateLimiter,
  type LimitedRate,
  type RateLimiter,
  type RateLimiterOptions,
  type StoreFailureMode,
  storeFailureModes,
  type Withdrawal,
} from './rate-limiter.ts';
export { createRetryBudget, type RetryBudget, type RetryBudgetOptions } from './retry-budget.ts';
