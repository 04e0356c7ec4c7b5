import type { Clock, Logger } from '@banyan/core';
import { definitionId, type SagaDefinition } from '../definition/definition.ts';
import type { SagaEnvironment } from '../environment.ts';
import type { Outcome } from '../plan/outcome.ts';
import type { Work } from '../plan/work.ts';
import type { NewSaga, SagaRow, SagaStore } from '../saga-store.ts';
import { isSettled } from '../state.ts';
import { Beginnings } from './beginnings.ts';
import { CallSlots } from './call-slots.ts';
import { Gate } from './gate.ts';
import { Group, type Member } from './group.ts';
import type { Hands } from './intake.ts';
import { LiveSaga, toFirstRow } from './live-saga.ts';
import { rereadRow } from './reread-row.ts';
import { SagaCommits } from './saga-commits.ts';
import type { StepFailures } from './step-failures.ts';
import { isLocal, performRemote } from './step-work.ts';

export interface SagaWorkerOptions {
  readonly definitions: ReadonlyMap<string, SagaDefinition>;
  readonly store: SagaStore;
  readonly environment: SagaEnvironment;
  /** Token of the lease, while it holds. */
  readonly token: () => number | undefined;
  /** Called when a saga has ended, or is stuck. */
  readonly onEnd: (live: LiveSaga) => void;
  readonly maxInHand: number;
  readonly maxCalls: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

/** A saga that waits no longer than this stays in hand: giving it up and taking it again costs two writes. */
const holdMs = 2_000;

/** Takes sagas in hand and brings them on: everything that is ready goes into the next transaction. */
export class SagaWorker implements Hands {
  readonly #options: SagaWorkerOptions;
  readonly #gate: Gate<LiveSaga>;
  readonly #beginnings: Beginnings;
  readonly #calls: CallSlots;
  readonly #live = new Map<string, LiveSaga>();
  /** Of sagas that could not be begun with their first steps, until they are started without them. */
  readonly #failures = new Map<string, StepFailures>();
  #isStopped = false;

  constructor(options: SagaWorkerOptions) {
    this.#options = options;
    const { store, environment, token, maxCalls, clock, random, logger } = options;
    const group = new Group({ store, environment, clock, random, logger, holdMs });
    const commits = new SagaCommits({
      ...{ group, token, clock, random, logger },
      settle: (member) => this.#settle(member),
      release: (live, outcomes) => this.#release(live, outcomes),
      forget: (live) => this.#forget(live),
      later: (live, delayMs) => this.#later(live, delayMs),
      pause: (lives) => this.#pause(lives),
    });
    this.#calls = new CallSlots(maxCalls);
    const onBegun = (member: Member, owner: number) => this.#takeBegun(member, owner);
    this.#beginnings = new Beginnings({ group, token, onBegun, clock });
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

  /** Rows that this worker owns. */
  adopt(rows: readonly SagaRow[]): void {
    for (const row of rows) {
      const { definitions, logger } = this.#options;
      const definition = definitions.get(definitionId(row));
      if (definition === undefined || this.#live.has(row.id)) continue;
      const live = new LiveSaga(row, definition);
      live.failures = this.#failures.get(row.id) ?? live.failures;
      this.#failures.delete(row.id);
      this.#live.set(row.id, live);
      if (row.isTakenOver) logger.info('a saga is taken over', { sagaId: row.id, saga: row.name });
      this.#drive(live);
    }
  }

  /** Sagas that this worker has just started. */
  adoptNew(sagas: readonly NewSaga[]): void {
    const nowMs = this.#options.clock.nowMs();
    this.adopt(sagas.map((saga) => toFirstRow(saga, nowMs)));
  }

  /**
   * Starts a saga together with its first local steps. False if nothing is known to be done: then it has to be written under the same id, and adopted.
   */
  async begin(saga: NewSaga): Promise<boolean> {
    const { definitions, token, clock, random } = this.#options;
    const definition = definitions.get(definitionId(saga));
    // A key may be known already, and then nothing must happen.
    if (definition === undefined || saga.idempotencyKey !== undefined) return false;
    if (this.room === 0 || token() === undefined) return false;
    const nowMs = clock.nowMs();
    const live = new LiveSaga(toFirstRow(saga, nowMs), definition);
    live.unwritten = saga;
    live.planned = live.plan([], { nowMs, random });
    const isBegun = await this.#beginnings.add(live);
    if (!isBegun && !live.failures.isEmpty && this.#failures.size < 1_000)
      this.#failures.set(saga.id, live.failures);
    return isBegun;
  }

  #takeBegun(member: Member, owner: number): void {
    // Whoever the lease has passed to takes it over.
    if (this.#options.token() !== owner) return;
    this.#live.set(member.live.row.id, member.live);
    this.#settle(member);
  }

  deliver(row: SagaRow): void {
    const live = this.#live.get(row.id);
    // Whoever writes it would say that it has seen letters that its plan has not. The answer tells of them.
    if (live === undefined || live.isBusy) return;
    live.mail = row.mail;
    live.planned = undefined;
    this.#drive(live);
  }

  lookForMail(id: string): void {
    const live = this.#live.get(id);
    // While it is being written, the answer tells.
    if (live !== undefined && !live.isBusy) void this.#fetchMail(live);
  }

  mailCountOf(id: string): number | undefined {
    return this.#live.get(id)?.mail.length;
  }

  /** All of it belongs to others now. */
  dropAll(): void {
    for (const live of [...this.#live.values()]) this.#drop(live);
    this.#failures.clear();
    this.#calls.clear();
  }

  /** Begins nothing new, and waits for what is being written. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopped = true;
    for (const live of this.#live.values()) live.cancelTimer();
    await Promise.all([this.#beginnings.stop(timeoutMs), this.#gate.stop(timeoutMs)]);
    this.dropAll();
  }

  #drop(live: LiveSaga): void {
    live.drop();
    this.#live.delete(live.row.id);
    this.#gate.delete(live);
  }

  /** Looks what comes next, begins what runs outside, and has the rest written. */
  #drive(live: LiveSaga): void {
    live.cancelTimer();
    if (live.isGone || live.isBusy || this.#isStopped) return;
    if (live.outcomes.length > 0) {
      this.#gate.add(live);
      return;
    }
    const { clock, random } = this.#options;
    const nowMs = clock.nowMs();
    const next = live.planned ?? live.plan([], { nowMs, random });
    live.planned = next;
    live.state = next.state;
    live.status = next.status;
    const remote = next.works.filter((work) => !isLocal(work));
    const isTurned = next.status !== live.writtenStatus;
    // A saga that turned round does so for everybody to see, before anything is undone.
    if (isTurned || next.works.length > remote.length) {
      this.#gate.add(live);
      return;
    }
    for (const work of remote) this.#begin(live, work);
    if (live.inFlight.size > 0 && next.wakeAtMs === undefined) return;
    const wakeInMs = next.wakeAtMs === undefined ? undefined : next.wakeAtMs - nowMs;
    if (wakeInMs !== undefined && (live.inFlight.size > 0 || wakeInMs <= holdMs)) {
      live.cancelTimer = clock.setTimer(() => this.#lookAgain(live), Math.min(wakeInMs, 2 ** 30));
      return;
    }
    if (live.inFlight.size === 0) this.#gate.add(live);
  }

  /** Time has passed. */
  #lookAgain(live: LiveSaga): void {
    live.planned = undefined;
    this.#drive(live);
  }

  #begin(live: LiveSaga, work: Work): void {
    live.inFlight.add(work.key);
    live.planned = undefined;
    this.#calls.run(async () => {
      if (live.isGone || this.#isStopped) return;
      const { environment, clock } = this.#options;
      const outcome = await performRemote(environment, live, { work, clock });
      live.inFlight.delete(work.key);
      live.planned = undefined;
      if (live.isGone || this.#isStopped) return;
      live.outcomes.push(outcome);
      if (!live.isBusy) this.#gate.add(live);
    });
  }

  #settle({ live, written, advanced, outcomes, children }: Member): void {
    live.isBusy = false;
    if (live.isGone || written === undefined || advanced === undefined) return;
    live.state = written.state;
    live.status = written.status;
    live.writtenStatus = written.status;
    // What ended meanwhile is planned anew with its outcome.
    live.planned = written;
    live.outcomes = live.outcomes.slice(outcomes.length);
    live.failures.forgetOld();
    this.adoptNew(children);
    if (isSettled(live.status)) this.#options.onEnd(live);
    if (!advanced.isHeld) {
      this.#drop(live);
      return;
    }
    if (advanced.mailCount > live.mail.length) void this.#fetchMail(live);
    else this.#drive(live);
  }

  async #fetchMail(live: LiveSaga): Promise<void> {
    const row = await rereadRow(live.row.id, this.#options);
    if (row === undefined) this.#drop(live);
    else this.deliver(row);
  }

  #release(live: LiveSaga, outcomes: readonly Outcome[]): void {
    live.isBusy = false;
    live.planned = undefined;
    live.outcomes.push(...outcomes);
    if (!live.isGone) this.#gate.add(live);
  }

  #forget(live: LiveSaga): void {
    live.isBusy = false;
    this.#drop(live);
  }

  #later(live: LiveSaga, delayMs: number): void {
    live.isBusy = false;
    live.cancelTimer = this.#options.clock.setTimer(() => this.#lookAgain(live), delayMs);
  }

  #pause(lives: readonly LiveSaga[]): void {
    for (const live of lives) {
      live.isBusy = false;
      // Time passes.
      live.planned = undefined;
    }
    this.#gate.addLater(() => lives.filter(({ isGone }) => !isGone));
  }
}
