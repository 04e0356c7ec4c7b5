import { type ErrorCode, isServiceError } from '@banyan/core';
import type { EntryFailure, WaitingEntry } from './reader-store.ts';

export interface RetryLimits {
  /** Attempts that may end in a failure of the handler's own before the entry is dead. */
  readonly maxAttempts: number;
  /** How long an entry may wait for something that is down before it is dead. */
  readonly maxWaitMs: number;
}

/** Not now rather than never: an outage must not fill the dead letters with healthy entries. */
const waitingCodes: ReadonlySet<ErrorCode> = new Set([
  'unavailable',
  'deadline_exceeded',
  'resource_exhausted',
  'aborted',
  'cancelled',
]);

export function isWaiting(error: unknown): boolean {
  return isServiceError(error) && !error.declared && waitingCodes.has(error.code);
}

/** What to do with an entry whose handling rejected: the rules are those of event consumers. */
export function toEntryFailure(error: unknown, waiting: WaitingEntry, limits: RetryLimits): EntryFailure {
  const reason = describe(error);
  if (isWaiting(error)) {
    if (waiting.sinceFirstAttemptMs >= limits.maxWaitMs) return { kind: 'dead', reason, retryAfterMs: 0 };
    const asked = isServiceError(error) ? (error.retryAfterMs ?? 0) : 0;
    return {
      kind: 'deferral',
      reason,
      retryAfterMs: Math.max(asked, backoffMs(100, 30_000, waiting.deferrals)),
    };
  }
  if (waiting.failures + 1 >= limits.maxAttempts) return { kind: 'dead', reason, retryAfterMs: 0 };
  return { kind: 'failure', reason, retryAfterMs: backoffMs(500, 60_000, waiting.failures) };
}

/** Exponential with equal jitter. */
function backoffMs(firstMs: number, maxMs: number, earlier: number): number {
  return Math.round(Math.min(maxMs, firstMs * 2 ** Math.min(earlier, 30)) * (0.5 + Math.random() / 2));
}

/** Code, reason and message of an error and its causes; at most 2,000 characters that PostgreSQL can store. */
export function describe(error: unknown): string {
  const parts: string[] = [];
  for (let current = error, depth = 0; current !== undefined && depth < 4; depth += 1) {
    const prefix = isServiceError(current) ? `${current.code} ${current.reason}: ` : '';
    parts.push(prefix + (current instanceof Error ? current.message : String(current)));
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(' <- ').replaceAll('\0', '').slice(0, 2_000).toWellFormed();
}
