import { type ErrorCode, isServiceError } from '@banyan/core';
import { backoffMs } from './backoff.ts';
import type { Claim, Failure } from './inbox.ts';

export interface RetryPolicy {
  /** Deliveries that may end in a failure of the handler's own before the event is dead. */
  readonly maxAttempts: number;
  /** How long an event may wait for a dependency that is down before it is dead. */
  readonly maxWaitMs: number;
  /** True for an error that no later attempt can end differently: the event is dead at once. */
  readonly isFinal?: ((error: unknown) => boolean) | undefined;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Codes that say "not now" rather than "never": somebody else is down, slow, full or in the way. They do not count as attempts, because
 * an outage of an hour must not fill the dead-letter queue with healthy events.
 */
const waitingCodes: ReadonlySet<ErrorCode> = new Set([
  'unavailable',
  'deadline_exceeded',
  'resource_exhausted',
  'aborted',
  'cancelled',
]);

/** Reasons that no repetition changes: the next version of the service may, when an operator retries the dead letter. */
const hopelessReasons: ReadonlySet<string> = new Set(['invalid_event', 'process_crashed']);

const failureBackoff = { firstMs: 500, maxMs: 60_000 };
const deferralBackoff = { firstMs: 100, maxMs: 30_000 };
const maxReasonLength = 2_000;
const maxStackBytes = 8 * 1024;

/** What to do with an event whose handling rejected with `error`. */
export function toFailure(error: unknown, claim: Claim, policy: RetryPolicy): Failure {
  const reason = describeError(error);
  const stack = stackOf(error);
  if (policy.isFinal?.(error) === true) return { kind: 'dead', reason, stack, retryAfterMs: 0 };
  if (isServiceError(error) && !error.declared) {
    if (hopelessReasons.has(error.reason)) return { kind: 'dead', reason, stack, retryAfterMs: 0 };
    if (waitingCodes.has(error.code)) {
      if (claim.sinceFirstAttemptMs >= policy.maxWaitMs) {
        return { kind: 'dead', reason, stack, retryAfterMs: 0 };
      }
      const delayMs = backoffMs(deferralBackoff, claim.deferrals, policy.random);
      return { kind: 'deferral', reason, stack, retryAfterMs: Math.max(delayMs, error.retryAfterMs ?? 0) };
    }
  }
  if (claim.failures + 1 >= policy.maxAttempts) return { kind: 'dead', reason, stack, retryAfterMs: 0 };
  return {
    kind: 'failure',
    reason,
    stack,
    retryAfterMs: backoffMs(failureBackoff, claim.failures, policy.random),
  };
}

/** At most 8 KiB, in text that PostgreSQL stores. */
function stackOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return undefined;
  const bytes = Buffer.from(error.stack.replaceAll('\0', '').toWellFormed());
  return bytes
    .subarray(0, maxStackBytes)
    .toString()
    .replace(/\ufffd+$/, '');
}

/** Code, reason and message of an error and its causes, for an operator; at most 2,000 characters. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let current = error, depth = 0; current !== undefined && depth < 4; depth += 1) {
    const prefix = isServiceError(current) ? `${current.code} ${current.reason}: ` : '';
    parts.push(prefix + textOf(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  // PostgreSQL stores no NUL, and half a surrogate pair is no text.
  return parts.join(' <- ').replaceAll('\0', '').slice(0, maxReasonLength).toWellFormed();
}

function textOf(value: unknown): string {
  try {
    return value instanceof Error && !isServiceError(value)
      ? `${value.name}: ${value.message}`
      : messageOf(value);
  } catch {
    // A thrown value may have a hostile `toString`.
    return 'an error that cannot be shown';
  }
}

function messageOf(value: unknown): string {
  return value instanceof Error ? value.message : String(value);
}
