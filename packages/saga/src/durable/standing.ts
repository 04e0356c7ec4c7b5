import { createValidator } from '@banyan/contract';
import { isServiceError, type Problem, type ServiceError, toProblem } from '@banyan/core';
import { classify, succeeded } from '../plan/outcome.ts';
import { type FailureKind, isEnded, type SagaFailure, type SagaState, type SagaStatus } from '../state.ts';
import { isEffect } from './command.ts';
import { type DurableState, durableStateOf, type PendingRecord } from './durable-state.ts';
import type { Execution } from './execution.ts';
import { wordsFor } from './journal.ts';
import type { LiveDurable } from './live-durable.ts';
import type { Look } from './look.ts';
import { placeOfError } from './place.ts';

/** How an instance is to be written. */
export interface Standing {
  readonly state: SagaState;
  readonly status: SagaStatus;
}

interface Turn {
  readonly execution: Execution;
  /** What was told to the function. */
  readonly told: Look;
  /** What comes after it. */
  readonly beyond: Look;
}

/** Where an instance stands after its function was told what came back. */
export function standingAfter(live: LiveDurable, turn: Turn): Standing {
  const { execution, told } = turn;
  const ending = findEnding(live, turn);
  const from = execution.isInterrupted ? 'compensating' : 'running';
  const { failure: _failure, stuck: _stuck, ...state } = live.state;
  const durable: DurableState = {
    t0: durableStateOf(state).t0,
    entries: live.journal.length + told.entries.length,
    pending: isEnded(ending.status) ? {} : Object.fromEntries(pendingAfter(live, turn)),
    ...(execution.progress === undefined ? undefined : { progress: execution.progress }),
    ...ending.durable,
  };
  return {
    status: ending.status,
    state: {
      ...state,
      read: told.read,
      durable,
      ...(ending.failure === undefined ? undefined : { failure: ending.failure }),
      ...(ending.status !== 'stuck'
        ? undefined
        : { stuck: { from, step: ending.step ?? '', phase: 'do' as const } }),
    },
  };
}

/** Code that has left the journal says nothing about what is pending: what was known stays. */
function pendingAfter(
  live: LiveDurable,
  { execution, told, beyond }: Turn,
): ReadonlyMap<number, PendingRecord> {
  if (execution.rest.kind !== 'parted') return beyond.records;
  const known = new Map([...live.records, ...told.records]);
  for (const { i } of told.entries) known.delete(i);
  return known;
}

interface Ending {
  readonly status: SagaStatus;
  readonly durable?: Pick<DurableState, 'result' | 'error' | 'stuckAt'>;
  readonly failure?: SagaFailure;
  readonly step?: string;
}

function findEnding(live: LiveDurable, { execution, told }: Turn): Ending {
  const { rest } = execution;
  const open: Ending = { status: execution.isInterrupted ? 'compensating' : 'running' };
  if (rest.kind === 'parted') {
    const { step, reason } = rest.parting;
    return { status: 'stuck', step, failure: { kind: 'fault', step, reason } };
  }
  if (told.stuck !== undefined) {
    const { index, kind, name, place } = told.stuck;
    const step = wordsFor({ k: kind, n: name });
    const error = told.records.get(index)?.e;
    const where = place();
    const reason = `${where === undefined ? '' : `${where}: `}${step} failed again and again; mend it and retry, or skip or repair it.`;
    const failure: SagaFailure = {
      kind: 'fault',
      step,
      reason,
      ...(error === undefined ? undefined : { error }),
    };
    return { status: 'stuck', step, failure, durable: { stuckAt: index } };
  }
  const { maxEntries } = live.definition;
  if (rest.kind === 'waiting' && live.journal.length + told.entries.length >= maxEntries) {
    const reason = `Its journal has ${maxEntries} entries, the most that 'maxEntries' allows. Let a child do each thousand steps (d.child), or raise 'maxEntries' and retry.`;
    return { status: 'stuck', step: 'journal', failure: { kind: 'fault', reason } };
  }
  if (rest.kind === 'waiting' || execution.pending.some(isEffect)) return open;
  if (rest.kind === 'threw') return endWith(rest.error);
  return returned(live, rest.value);
}

function returned({ definition }: LiveDurable, value: unknown): Ending {
  try {
    const checked = createValidator<unknown>(definition.output, 'output').parse(value);
    const outcome = succeeded('result', 'do', checked);
    if (!outcome.ok) return mistake(outcome.error.cause ?? outcome.error);
    return { status: 'completed', durable: outcome.value === undefined ? {} : { result: outcome.value } };
  } catch (error) {
    return mistake(error);
  }
}

/** An error of the platform's class is an answer. Anything else is a mistake in the code, which can be mended. */
function endWith(error: unknown): Ending {
  if (!isServiceError(error)) return mistake(error);
  const problem = toProblem(error);
  return { status: 'failed', durable: { error: problem }, failure: { kind: kindOf(error), error: problem } };
}

function mistake(error: unknown): Ending {
  const place = placeOfError(error);
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const problem: Problem = toProblem(error);
  const reason = `${place === undefined ? '' : `${place}: `}${text}`.slice(0, 2_000);
  return { status: 'stuck', step: 'the function', failure: { kind: 'fault', reason, error: problem } };
}

function kindOf(error: ServiceError): FailureKind {
  if (error.reason === 'durable_cancelled') return 'cancelled';
  if (error.reason === 'durable_deadline') return 'deadline';
  if (error.reason === 'signal_timeout') return 'timeout';
  return classify(error);
}
