import { type ErrorCode, isServiceError, toServiceError } from '@banyan/core';
import { causesOf } from './exception.ts';
import type { Span } from './span.ts';

/** The server could not answer: these are faults, and not answers. */
const faults: ReadonlySet<ErrorCode> = new Set([
  'internal',
  'unknown',
  'data_loss',
  'unavailable',
  'deadline_exceeded',
  'unimplemented',
]);

/** Ends `span` with what its work was rejected with. A refusal is an answer: it does not make the span an error. */
export function endRejected(span: Span, error: unknown): void {
  if (span.isRecording) {
    const known = toServiceError(error);
    span.set('banyan.error.code', known.code);
    if (known.declared) span.set('banyan.refusal', known.reason);
    else if (!faults.has(known.code)) span.set('error.type', known.reason);
    // What was foreseen has a reason; what was not has a stack that somebody must read.
    else if (isUnforeseen(error, known.code)) span.fail(error);
    else span.failAs(known.reason);
  }
  span.end();
}

/** Told once: who called, and who called them, got the same error passed on. */
const told = new WeakSet<Error>();

function isUnforeseen(error: unknown, code: ErrorCode): boolean {
  if (code !== 'internal' && code !== 'unknown') return false;
  const cause = causesOf(error).at(-1);
  if (!(cause instanceof Error)) return true;
  // One without a cause has come from another process, which has told of it.
  if (isServiceError(cause) || told.has(cause)) return false;
  told.add(cause);
  return true;
}
