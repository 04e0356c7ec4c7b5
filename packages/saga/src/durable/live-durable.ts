import type { Logger } from '@banyan/core';
import type { NewSaga, SagaRow } from '../saga-store.ts';
import type { Mail, SagaState, SagaStatus } from '../state.ts';
import type { DurableDefinition } from './durable.ts';
import { durableStateOf, type PendingRecord } from './durable-state.ts';
import { Execution } from './execution.ts';
import type { JournalEntry } from './journal.ts';
import { type CommandOutcome, type Look, lookAt } from './look.ts';

interface Times {
  readonly nowMs: number;
  readonly random: () => number;
}

/** One durable function that this process has in hand. */
export class LiveDurable {
  readonly row: SagaRow;
  readonly definition: DurableDefinition;
  /** As it is kept. */
  readonly journal: JournalEntry[];
  readonly inFlight = new Set<number>();
  /** Attempts that ended since the row was written. */
  outcomes: CommandOutcome[] = [];
  records: ReadonlyMap<number, PendingRecord>;
  state: SagaState;
  status: SagaStatus;
  mail: Mail;
  /** The function's code, told all of the journal; undefined while it has to be run again. */
  execution: Execution | undefined;
  /** A transaction that writes it is under way, or its code is being run again. */
  isBusy = false;
  /** It was dropped: outcomes that still come are nobody's. */
  isGone = false;
  cancelTimer = () => {};
  readonly #abort = new AbortController();

  constructor(row: SagaRow, definition: DurableDefinition, journal: readonly JournalEntry[]) {
    this.row = row;
    this.definition = definition;
    this.journal = [...journal];
    this.state = row.state;
    this.status = row.status;
    this.mail = row.mail;
    this.records = recordsOf(row.state);
  }

  /** Runs the code from its beginning through the journal. @param onParted called if it later leaves it by itself */
  async replay(logger: Logger, onParted: () => void): Promise<Execution> {
    const { id, input } = this.row;
    const { t0: startedAtMs } = durableStateOf(this.state);
    const { definition } = this;
    const execution = new Execution({ definition, id, input, startedAtMs, logger, onParted });
    await execution.advance(this.journal, { isReplay: true });
    this.execution = execution;
    return execution;
  }

  /** What comes next, with these outcomes. */
  look(execution: Execution, { nowMs, random }: Times, more: readonly CommandOutcome[] = []): Look {
    const { status, records, inFlight, mail, state, row } = this;
    const outcomes = [...this.outcomes, ...more];
    const { deadlineAtMs, isTakenOver } = row;
    const known = { execution, status, records, outcomes, inFlight, mail, read: state.read };
    return lookAt({ ...known, deadlineAtMs, isTakenOver, nowMs, random });
  }

  /** What comes next once `before` is written. */
  lookBeyond(execution: Execution, before: Look, { nowMs, random }: Times): Look {
    const { status, inFlight, mail, row } = this;
    const { records, read } = before;
    const { deadlineAtMs, isTakenOver } = row;
    const known = { execution, status, records, outcomes: [], inFlight, mail, read };
    return lookAt({ ...known, deadlineAtMs, isTakenOver, nowMs, random });
  }

  /** Of what it does outside. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Nobody needs what it still does. */
  drop(): void {
    this.isGone = true;
    this.cancelTimer();
    this.execution = undefined;
    if (this.inFlight.size > 0) this.#abort.abort();
  }
}

export function recordsOf(state: SagaState): ReadonlyMap<number, PendingRecord> {
  const { pending } = durableStateOf(state);
  return new Map(Object.entries(pending).map(([index, record]) => [Number(index), record]));
}

/** The row of a durable function that was just started. */
export function toFirstDurableRow(started: NewSaga & { readonly state: SagaState }, nowMs: number): SagaRow {
  const { id, name, version, input, deadlineMs, user, traceparent, parent, state } = started;
  const deadlineAtMs = deadlineMs === undefined ? undefined : nowMs + deadlineMs;
  return {
    ...{ id, name, version, input, user, traceparent, parent, deadlineAtMs, state },
    ...({ status: 'running', mail: [], isTakenOver: false } as const),
    startedAtMs: nowMs,
  };
}
