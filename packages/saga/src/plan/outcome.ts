import { type Problem, type ServiceError, toProblem, toServiceError } from '@banyan/core';
import type { Phase } from '../state.ts';

/** How one attempt ended. */
export type Outcome =
  | {
      readonly step: string;
      readonly phase: Phase;
      readonly ok: true;
      readonly value: unknown;
      /** A message was sent; `value` is its id, and how the attempt ends is yet to come. */
      readonly isSent?: true;
    }
  | {
      readonly step: string;
      readonly phase: Phase;
      readonly ok: false;
      readonly error: ServiceError;
      readonly problem: Problem;
      /** More than one if it failed among others first, and was asked again to be sure. */
      readonly asked?: number;
    };

/** Result of one step, as JSON; larger ones belong in the service's own tables. */
const maxResultLength = 256 * 1_024;
const maxDetailsLength = 4_000;

/** The result as it will be read again: a copy by way of JSON. */
export function succeeded(step: string, phase: Phase, value: unknown): Outcome {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    return failed(step, phase, new TypeError('The result of a step is kept as JSON.', { cause }));
  }
  if (text === undefined) return { step, phase, ok: true, value: undefined };
  if (text.length > maxResultLength) {
    const error = new TypeError(`The result of a step has at most ${maxResultLength} characters as JSON.`);
    return failed(step, phase, error);
  }
  return { step, phase, ok: true, value: JSON.parse(text) };
}

export function failed(step: string, phase: Phase, thrown: unknown): Outcome {
  const error = toServiceError(thrown);
  const problem = toProblem(error);
  // The row is for operators as well, who need more than a caller may be told.
  const detail = error.cause instanceof Error ? error.cause.message.slice(0, 500) : problem.detail;
  const { details, ...rest } = problem;
  const isLong = details !== undefined && JSON.stringify(details).length > maxDetailsLength;
  const kept = details === undefined || isLong ? rest : problem;
  return {
    step,
    phase,
    ok: false,
    error,
    problem: error.reason === 'unexpected_error' && detail !== undefined ? { ...kept, detail } : kept,
  };
}

const passing: ReadonlySet<string> = new Set([
  'unavailable',
  'resource_exhausted',
  'deadline_exceeded',
  'aborted',
  'cancelled',
]);

/** `refused`: an answer that the contract declares. `unavailable`: no answer, or not now. `fault`: anything else, perhaps a mistake in the code. */
export function classify(error: ServiceError): 'refused' | 'unavailable' | 'fault' {
  if (error.declared) return 'refused';
  return passing.has(error.code) ? 'unavailable' : 'fault';
}

/** Exponential with equal jitter: never at once, and never all together. */
export function backoffMs(
  { firstMs, maxMs }: { readonly firstMs: number; readonly maxMs: number },
  earlier: number,
  random: () => number,
): number {
  const bound = Math.min(maxMs, firstMs * 2 ** Math.min(earlier, 30));
  return Math.round(bound * (0.5 + random() / 2));
}
