import { type Problem, type ServiceError, toProblem } from '@banyan/core';
import { backoffMs, classify, type Outcome } from '../plan/outcome.ts';
import { faultAttempts, patientAttempts } from '../plan/retries.ts';
import type { Command } from './command.ts';
import type { PendingRecord } from './durable-state.ts';

/** What the end of an attempt means. */
export type Verdict =
  | { readonly kind: 'answered'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly problem: Problem }
  /** Again, or to be found out about. */
  | { readonly kind: 'open'; readonly record: PendingRecord }
  | { readonly kind: 'stuck'; readonly record: PendingRecord };

export interface AttemptContext {
  readonly nowMs: number;
  readonly random: () => number;
  /** Why the function was interrupted. */
  readonly interruption: ServiceError | undefined;
  /** Another worker may have begun it. */
  readonly isTakenOver: boolean;
}

const retry = { firstMs: 100, maxMs: 30_000 };

/** Decides what becomes of a command whose attempt has ended. */
export function judge(
  { command, record }: { readonly command: Command; readonly record: PendingRecord },
  outcome: Outcome,
  context: AttemptContext,
): Verdict {
  if (outcome.ok) return { kind: 'answered', value: outcome.value };
  return outcome.phase === 'void'
    ? judgeVoid(record, outcome, context)
    : judgeFailure({ command, record }, outcome, context);
}

type Failure = Extract<Outcome, { ok: false }>;

/** The participant has promised that the call never takes effect, or could not be asked. */
function judgeVoid(record: PendingRecord, { error, problem }: Failure, context: AttemptContext): Verdict {
  if (error.reason === 'call_voided' || error.declared) {
    return { kind: 'failed', problem: record.e ?? interruptionOf(context) ?? problem };
  }
  const attempts = (record.a ?? 0) + 1;
  const next = { ...record, a: attempts, at: context.nowMs + backoffMs(retry, attempts - 1, context.random) };
  return { kind: attempts >= patientAttempts ? 'stuck' : 'open', record: next };
}

function judgeFailure(
  { command, record }: { readonly command: Command; readonly record: PendingRecord },
  { error, problem }: Failure,
  context: AttemptContext,
): Verdict {
  const kind = classify(error);
  const isUnknown = record.u === true || (kind !== 'refused' && !error.notStarted);
  const failing: PendingRecord = { ...record, e: problem, ...(isUnknown ? { u: true } : undefined) };
  if (kind === 'refused') return giveUp(command, failing, context);
  if (command.isInterrupted) {
    return giveUp(command, { ...failing, e: interruptionOf(context) ?? problem }, context);
  }
  const { maxAttempts } = command.request as { readonly maxAttempts?: number };
  const patience = context.interruption === undefined ? Number.POSITIVE_INFINITY : patientAttempts;
  const most = maxAttempts ?? (kind === 'fault' ? faultAttempts : patience);
  const attempts = (record.a ?? 0) + 1;
  if (attempts >= most) {
    if (maxAttempts !== undefined) return giveUp(command, failing, context);
    return { kind: 'stuck', record: { ...failing, a: attempts } };
  }
  const waitMs = Math.max(backoffMs(retry, attempts - 1, context.random), error.retryAfterMs ?? 0);
  return { kind: 'open', record: { ...failing, a: attempts, at: context.nowMs + waitMs } };
}

/** A call that may have happened is found out about first; of anything else nothing more can be known. */
function giveUp(command: Command, record: PendingRecord, { isTakenOver }: AttemptContext): Verdict {
  const mayHaveHappened = record.u === true || isTakenOver;
  if (command.kind !== 'call' || !mayHaveHappened) {
    return { kind: 'failed', problem: record.e as Problem };
  }
  const { a: _a, at: _at, ...rest } = record;
  return { kind: 'open', record: { ...rest, v: true } };
}

function interruptionOf({ interruption }: AttemptContext): Problem | undefined {
  return interruption === undefined ? undefined : toProblem(interruption);
}
