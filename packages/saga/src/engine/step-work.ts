import { type Clock, type Logger, ServiceError, type Sql } from '@banyan/core';
import type { StepContext, TxStepContext } from '../definition/action.ts';
import type { OpenStep, SagaEnvironment, StepAttempt, StepIdentity, WatchedStep } from '../environment.ts';
import { failed, type Outcome, succeeded } from '../plan/outcome.ts';
import type { Work } from '../plan/work.ts';
import type { Phase, SagaFailure, SagaState } from '../state.ts';
import type { LiveSaga } from './live-saga.ts';

const defaultTimeoutMs = 10_000;

/** The keys of a step: the same in every attempt, another one after a restart. */
export function keyOf(sagaId: string, round: number, step: string, phase: Phase): string {
  const key = `saga/${sagaId}/${round}/${step}`;
  if (phase === 'do') return key;
  return phase === 'void' ? `${voidPrefix}${key}` : `${key}/${phase}`;
}

/** Before the key of a call: it must not happen any more; if it has happened, the answer is its reply. */
export const voidPrefix = 'void:';

export function isLocal({ action }: Work): boolean {
  return action.kind !== 'call' && action.kind !== 'run';
}

export function identityOf({ row }: Pick<LiveSaga, 'row'>, step: string): StepIdentity {
  const { id, name, user, traceparent } = row;
  return { sagaId: id, saga: name, step, user, traceparent };
}

/** @param state of the saga when the step begins */
export function contextOf({ row }: LiveSaga, work: Work, state: SagaState): StepContext {
  const { expiresAtMs, failure } = work;
  return {
    sagaId: row.id,
    idempotencyKey: keyOf(row.id, state.round, work.step, work.phase),
    attempt: work.attempt,
    expiresAt: expiresAtMs === undefined ? undefined : new Date(expiresAtMs).toISOString(),
    failure,
  };
}

/** Few steps ask for metrics, a logger or events: getters that all share, because making them costs more than the rest. */
export class StepTxContext implements TxStepContext {
  readonly sagaId: string;
  readonly idempotencyKey: string;
  readonly attempt: number;
  readonly expiresAt: string | undefined;
  readonly failure: SagaFailure | undefined;
  readonly sql: Sql;
  readonly refuse: typeof refuse = refuse;
  readonly #opened: OpenStep['context'];

  constructor(step: StepContext, opened: OpenStep['context']) {
    this.sagaId = step.sagaId;
    this.idempotencyKey = step.idempotencyKey;
    this.attempt = step.attempt;
    this.expiresAt = step.expiresAt;
    this.failure = step.failure;
    this.sql = opened.sql;
    this.#opened = opened;
  }

  get emit(): TxStepContext['emit'] {
    return this.#opened.emit;
  }

  get metrics(): TxStepContext['metrics'] {
    return this.#opened.metrics;
  }

  get log(): Logger {
    return this.#opened.log;
  }
}

/** When a message is of no use any more: a step that has not begun by then will not be needed. What has to happen never expires. */
export function expiryOf(
  { row }: LiveSaga,
  { phase, timeoutMs, expiresAtMs }: Work,
  { state, nowMs }: { readonly state: SagaState; readonly nowMs: number },
): number | undefined {
  if (phase !== 'do') return undefined;
  const deadlineAtMs = state.forward ? undefined : row.deadlineAtMs;
  const times = [deadlineAtMs, expiresAtMs, timeoutMs === undefined ? undefined : nowMs + timeoutMs];
  const earliest = Math.min(...times.filter((each) => each !== undefined));
  return Number.isFinite(earliest) ? earliest : undefined;
}

export function refuse(reason: string, details?: unknown): never {
  throw new ServiceError(`Refused: ${reason}.`, {
    code: 'failed_precondition',
    reason,
    details,
    declared: true,
  });
}

/** Does what does not run in the service's own transaction. Never rejects. */
export async function performRemote(
  environment: SagaEnvironment,
  live: LiveSaga,
  { work, clock }: { readonly work: Work; readonly clock: Clock },
): Promise<Outcome> {
  const watched = environment.watch?.(identityOf(live, work.step), attemptOf(work));
  const outcome = await perform(environment, live, {
    ...{ work, watched, clock },
    identity: watched?.identity ?? identityOf(live, work.step),
  });
  tell(watched, outcome);
  return outcome;
}

export function attemptOf({ phase, attempt }: Pick<Work, 'phase' | 'attempt'>): StepAttempt {
  return { isWayBack: phase !== 'do', attempt };
}

/** Runs a step's own code where whoever watches it wants it to run. */
export function runWatched<Result>(watched: WatchedStep | undefined, work: () => Result): Result {
  return watched === undefined ? work() : watched.within(work);
}

export function tell(watched: WatchedStep | undefined, outcome: Outcome): void {
  if (outcome.ok) watched?.ended();
  else watched?.failed(outcome.error);
}

async function perform(
  environment: SagaEnvironment,
  live: LiveSaga,
  {
    work,
    watched,
    identity,
    clock,
  }: {
    readonly work: Work;
    readonly watched: WatchedStep | undefined;
    readonly identity: StepIdentity;
    readonly clock: Clock;
  },
): Promise<Outcome> {
  const { action, step, phase } = work;
  const context = contextOf(live, work, live.state);
  const { signal } = live;
  try {
    if (action.kind === 'call') {
      const value = await environment.call({
        ...identity,
        operation: action.operation,
        input: action.with(work.state, context),
        idempotencyKey: context.idempotencyKey,
        timeoutMs: work.timeoutMs,
        signal,
      });
      return succeeded(step, phase, value);
    }
    if (action.kind !== 'run') throw new TypeError(`'${action.kind}' runs in a transaction`);
    const log = environment.log(identity);
    const limit = new AbortController();
    const run = runWatched(watched, () =>
      action.run(work.state, {
        ...context,
        log,
        refuse,
        signal: AbortSignal.any([signal, limit.signal]),
      }),
    );
    return succeeded(step, phase, await within(run, { timeoutMs: work.timeoutMs, limit, clock }));
  } catch (error) {
    return failed(step, phase, error);
  }
}

/** The work may go on when its time is over; its outcome is then unknown. */
export function within<Result>(
  task: Promise<Result>,
  {
    timeoutMs = defaultTimeoutMs,
    limit,
    clock,
  }: { readonly timeoutMs?: number | undefined; readonly limit?: AbortController; readonly clock: Clock },
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(() => {
      const error = new ServiceError(`The step did not end within ${timeoutMs} ms.`, {
        code: 'deadline_exceeded',
        reason: 'step_timeout',
      });
      reject(error);
      limit?.abort(error);
    }, timeoutMs);
    task.finally(cancel).then(resolve, reject);
  });
}
