import type { SagaDefinition } from '../definition/definition.ts';
import type { Instance, PlanContext } from '../plan/draft.ts';
import type { Outcome } from '../plan/outcome.ts';
import { type Plan, plan } from '../plan/plan.ts';
import type { NewSaga, SagaRow } from '../saga-store.ts';
import { emptyState, type Mail, type SagaState, type SagaStatus } from '../state.ts';
import { StepFailures } from './step-failures.ts';

/** One saga that this process has in hand. */
export class LiveSaga {
  readonly row: SagaRow;
  readonly definition: SagaDefinition;
  /** What is to be written first, while its row is not there. */
  unwritten: NewSaga | undefined;
  readonly inFlight = new Set<string>();
  /** What ended since the row was written. */
  outcomes: Outcome[] = [];
  state: SagaState;
  status: SagaStatus;
  failures = new StepFailures();
  /** As the row has it. */
  writtenStatus: SagaStatus;
  mail: Mail;
  /** A transaction that writes it is under way. */
  isBusy = false;
  /** It was dropped: outcomes that still come are nobody's. */
  isGone = false;
  cancelTimer = () => {};
  /** What comes next, as of the last look; undefined if that may have changed. */
  planned: Plan | undefined;
  #abort: AbortController | undefined;

  constructor(row: SagaRow, definition: SagaDefinition) {
    this.row = row;
    this.definition = definition;
    this.state = row.state;
    this.status = row.status;
    this.writtenStatus = row.status;
    this.mail = row.mail;
  }

  plan(outcomes: readonly Outcome[], context: Pick<PlanContext, 'nowMs' | 'random'>): Plan {
    return this.planFrom(this, outcomes, context);
  }

  /** As if state and status were those given. */
  planFrom(
    from: { readonly state: SagaState; readonly status: SagaStatus },
    outcomes: readonly Outcome[],
    context: Pick<PlanContext, 'nowMs' | 'random'>,
  ): Plan {
    const { id, input, deadlineAtMs, isTakenOver } = this.row;
    const { state, status } = from;
    const instance: Instance = {
      id,
      definition: this.definition,
      input,
      state,
      status,
      deadlineAtMs,
      mail: this.mail,
    };
    return plan(instance, outcomes, { ...context, inFlight: this.inFlight, isTakenOver });
  }

  /** Of what it does outside. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  /** Nobody needs what it still does. */
  drop(): void {
    this.isGone = true;
    this.cancelTimer();
    if (this.inFlight.size > 0) this.#abort?.abort();
  }
}

/** The row of a saga that was just started. */
export function toFirstRow(saga: NewSaga, nowMs: number): SagaRow {
  const { id, name, version, input, deadlineMs, user, traceparent, parent } = saga;
  const deadlineAtMs = deadlineMs === undefined ? undefined : nowMs + deadlineMs;
  return {
    ...{ id, name, version, input, user, traceparent, parent, deadlineAtMs },
    state: emptyState,
    status: 'running',
    mail: [],
    isTakenOver: false,
    startedAtMs: nowMs,
  };
}
