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
  createDeadlineWheel,
  type Deadline,
  type DeadlineTarget,
  type DeadlineWheel,
  type DeadlineWheelOptions,
} from './deadline-wheel.ts';
export { resilienceErrors } from './errors.ts';
export { failureKindOf, isRetryable, type OutcomeKind } from './outcome.ts';
export { createRetryBudget, type RetryBudget, type RetryBudgetOptions } from './retry-budget.ts';
