import type { Clock, Logger } from '@banyan/core';
import { definitionId } from '../definition/definition.ts';
import { CallSlots } from '../engine/call-slots.ts';
import { Gate } from '../engine/gate.ts';
import type { Hands } from '../engine/intake.ts';
import { rereadRow } from '../engine/reread-row.ts';
import type { SagaEnvironment } from '../environment.ts';
import type { NewSaga, SagaRow, SagaStore } from '../saga-store.ts';
import { isSettled } from '../state.ts';
import { isEffect } from './command.ts';
import type { Startable } from './context.ts';
import type { DurableDefinition } from './durable.ts';
import { DurableCommits } from './durable-commits.ts';
import type { DurableMember } from './durable-group.ts';
import { durableStateOf } from './durable-state.ts';
import type { Execution } from './execution.ts';
import type { JournalEntry } from './journal.ts';
import { LiveDurable, toFirstDurableRow } from './live-durable.ts';
import type { CommandOutcome, DueCommand, Look } from './look.ts';
import { performCommand } from './perform.ts';

export interface DurableWorkerOptions {
  readonly definitions: ReadonlyMap<string, DurableDefinition>;
  readonly store: SagaStore;
  readonly environment: SagaEnvironment;
  /** Token of the lease, while it holds. */
  readonly token: () => number | undefined;
  /** Called when an instance has ended, or is stuck. */
  readonly onEnd: (live: LiveDurable) => void;
  /** Takes children in hand that were started here. */
  readonly adoptNew: (started: readonly NewSaga[]) => void;
  /** The service runs it. */
  readonly isRun: (definition: Startable) => boolean;
  readonly maxInHand: number;
  readonly maxCalls: number;
  /** Runs each function again from its beginning after each entry of its journal, so that code which does not repeat itself is found at once. */
  readonly rehearse: boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

/** An instance that waits no longer than this stays in hand: giving it up and taking it again costs two writes. */
const holdMs = 2_000;

/** Takes durable functions in hand and brings them on: everything that is ready goes into the next transaction. */
export class DurableWorker implements Hands {
  readonly #options: DurableWorkerOptions;
  readonly #gate: Gate<LiveDurable>;
  readonly #calls: CallSlots;
  /** Undefined while the journal is being read. */
  readonly #live = new Map<string, LiveDurable | undefined>();
  #isStopped = false;

  constructor(options: DurableWorkerOptions) {
    this.#options = options;
    const { token, maxCalls, clock } = options;
    const commits = new DurableCommits({
      ...{ ...options, holdMs },
      settle: (member) => this.#settle(member),
      release: (live, outcomes) => this.#release(live, outcomes),
      forget: (live) => this.#forget(live),
      later: (live, delayMs) => this.#later(live, delayMs),
      replay: (live) => this.#run(live),
    });
    this.#calls = new CallSlots(maxCalls);
    this.#gate = new Gate({
      isOpen: () => token() !== undefined,
      commit: (lives) => commits.commit(lives),
      clock,
    });
  }

  get inHand(): number {
    return this.#live.size;
  }

  get room(): number {
    return this.#isStopped ? 0 : Math.max(0, this.#options.maxInHand - this.#live.size);
  }

  has(id: string): boolean {
    return this.#live.has(id);
  }

  mailCountOf(id: string): number | undefined {
    return this.#live.get(id)?.mail.length;
  }

  /** Rows that this worker owns. */
  adopt(rows: readonly SagaRow[]): void {
    const fresh = rows.filter(({ id }) => !this.#live.has(id));
    for (const { id } of fresh) this.#live.set(id, undefined);
    const [begun, unbegun] = [fresh.filter(hasJournal), fresh.filter((row) => !hasJournal(row))];
    for (const row of unbegun) this.#take(row, []);
    if (begun.length > 0) void this.#readJournals(begun);
  }

  /** Functions that this worker has just started. */
  adoptNew(started: readonly NewSaga[]): void {
    const nowMs = this.#options.clock.nowMs();
    const rows = started.flatMap(({ state, ...rest }) =>
      state === undefined ? [] : [toFirstDurableRow({ ...rest, state }, nowMs)],
    );
    this.adopt(rows);
  }

  deliver(row: SagaRow): void {
    const live = this.#live.get(row.id);
    if (live === undefined) return;
    live.mail = row.mail;
    this.#drive(live);
  }

  lookForMail(id: string): void {
    const live = this.#live.get(id);
    // While it is being written, the answer tells.
    if (live !== undefined && !live.isBusy) void this.#fetchMail(live);
  }

  /** All of it belongs to others now. */
  dropAll(): void {
    for (const [id, live] of [...this.#live]) {
      if (live === undefined) this.#live.delete(id);
      else this.#drop(live);
    }
    this.#calls.clear();
  }

  /** Begins nothing new, and waits for what is being written. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopped = true;
    for (const live of this.#live.values()) live?.cancelTimer();
    await this.#gate.stop(timeoutMs);
    this.dropAll();
  }

  async #readJournals(rows: readonly SagaRow[]): Promise<void> {
    const { store, logger } = this.#options;
    const isAwaited = ({ id }: SagaRow) => this.#live.has(id) && this.#live.get(id) === undefined;
    try {
      const journals = await store.journal(rows.map(({ id }) => id));
      for (const row of rows.filter(isAwaited)) this.#take(row, journals.get(row.id) ?? []);
    } catch (error) {
      // Found again by the next look at what this worker owns.
      logger.debug('journals could not be read; trying again', { error });
      for (const row of rows.filter(isAwaited)) this.#live.delete(row.id);
    }
  }

  #take(row: SagaRow, journal: readonly JournalEntry[]): void {
    const { definitions, logger } = this.#options;
    const definition = definitions.get(definitionId(row));
    if (definition === undefined || this.#isStopped) {
      this.#live.delete(row.id);
      return;
    }
    const live = new LiveDurable(row, definition, journal);
    this.#live.set(row.id, live);
    if (row.isTakenOver) logger.info('a durable function is taken over', { sagaId: row.id, saga: row.name });
    this.#drive(live);
  }

  #drop(live: LiveDurable): void {
    live.drop();
    if (this.#live.get(live.row.id) === live) this.#live.delete(live.row.id);
    this.#gate.delete(live);
  }

  /** Looks what comes next, begins what runs outside, and has the rest written. */
  #drive(live: LiveDurable): void {
    live.cancelTimer();
    if (live.isGone || live.isBusy || this.#isStopped) return;
    const { execution } = live;
    if (execution === undefined) {
      void this.#replay(live);
      return;
    }
    const { clock, random } = this.#options;
    const nowMs = clock.nowMs();
    const look = live.look(execution, { nowMs, random });
    if (isToBeWritten(live, execution, look)) {
      this.#gate.add(live);
      return;
    }
    live.records = look.records;
    live.outcomes = [];
    for (const due of look.remote) this.#begin(live, due);
    const { wakeAtMs } = look;
    if (live.inFlight.size > 0 && wakeAtMs === undefined) return;
    const wakeInMs = wakeAtMs === undefined ? undefined : wakeAtMs - nowMs;
    if (wakeInMs !== undefined && (live.inFlight.size > 0 || wakeInMs <= holdMs)) {
      live.cancelTimer = clock.setTimer(() => this.#drive(live), Math.min(wakeInMs, 2 ** 30));
      return;
    }
    if (live.inFlight.size === 0) this.#gate.add(live);
  }

  async #replay(live: LiveDurable): Promise<void> {
    live.isBusy = true;
    await this.#run(live);
    live.isBusy = false;
    if (live.isGone) live.execution = undefined;
    this.#drive(live);
  }

  /** Runs the code from its beginning; it has to come to where the journal ends. */
  #run(live: LiveDurable): Promise<Execution> {
    const { id: sagaId, name: saga, user, traceparent } = live.row;
    const log = this.#options.environment.log({ sagaId, saga, step: '', user, traceparent });
    return live.replay(log, () => this.#drive(live));
  }

  #begin(live: LiveDurable, due: DueCommand): void {
    const { index } = due.command;
    live.inFlight.add(index);
    this.#calls.run(async () => {
      if (live.isGone || this.#isStopped) return;
      const { environment, clock } = this.#options;
      const outcome = await performCommand(environment, live, { due, clock });
      live.inFlight.delete(index);
      if (live.isGone || this.#isStopped) return;
      live.outcomes.push({ index, outcome });
      this.#drive(live);
    });
  }

  #settle({ live, written, advanced, outcomes, children }: DurableMember): void {
    live.isBusy = false;
    if (live.isGone || written === undefined || advanced === undefined) return;
    live.state = written.state;
    live.status = written.status;
    live.records = written.beyond.records;
    live.journal.push(...written.entries);
    live.outcomes = live.outcomes.slice(outcomes);
    this.#warnOfLength(live, written.entries.length);
    this.#options.adoptNew(children);
    if (isSettled(live.status)) this.#options.onEnd(live);
    if (!advanced.isHeld) {
      this.#drop(live);
      return;
    }
    if (this.#options.rehearse && written.entries.length > 0) live.execution = undefined;
    if (advanced.mailCount > live.mail.length) void this.#fetchMail(live);
    else this.#drive(live);
  }

  #warnOfLength({ journal, definition, row }: LiveDurable, added: number): void {
    const mark = Math.floor(definition.maxEntries * 0.8);
    if (journal.length < mark || journal.length - added >= mark) return;
    this.#options.logger.warn('a durable function has used four fifths of its journal', {
      ...{ sagaId: row.id, saga: row.name, entries: journal.length, maxEntries: definition.maxEntries },
    });
  }

  async #fetchMail(live: LiveDurable): Promise<void> {
    const row = await rereadRow(live.row.id, this.#options);
    if (row === undefined) this.#drop(live);
    else this.deliver(row);
  }

  #release(live: LiveDurable, outcomes: readonly CommandOutcome[]): void {
    live.isBusy = false;
    live.outcomes.push(...outcomes);
    this.#drive(live);
  }

  #forget(live: LiveDurable): void {
    live.isBusy = false;
    this.#drop(live);
  }

  #later(live: LiveDurable, delayMs: number): void {
    live.isBusy = false;
    live.cancelTimer = this.#options.clock.setTimer(() => this.#drive(live), delayMs);
  }
}

function hasJournal({ state }: SagaRow): boolean {
  return durableStateOf(state).entries > 0;
}

/** Something has come back, is to be done in the next transaction, or has changed for everybody to see. */
function isToBeWritten({ state }: LiveDurable, execution: Execution, look: Look): boolean {
  const isOver = execution.rest.kind !== 'waiting' && !execution.pending.some(isEffect);
  if (isOver || look.stuck !== undefined) return true;
  const { pending, progress } = durableStateOf(state);
  // That a call is given up is for everybody to know before its participant is: another worker would ask for it again.
  if (look.remote.some(({ phase, command }) => phase === 'void' && !pending[command.index]?.v)) return true;
  return look.entries.length + look.local.length > 0 || execution.progress?.share !== progress?.share;
}
