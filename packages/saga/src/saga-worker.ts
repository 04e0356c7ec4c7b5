import { type Clock, isServiceError, type Logger } from '@banyan/core';
import { definitionId, type SagaDefinition } from './definition.ts';
import type { SagaEnvironment } from './environment.ts';
import { createMember, Group, GroupUndone, type Member, toLocalFailure } from './group.ts';
import { LiveSaga, toFirstRow } from './live-saga.ts';
import type { Work } from './plan.ts';
import type { NewSaga, SagaRow, SagaStore } from './saga-store.ts';
import { isEnded } from './state.ts';
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
const maxGroup = 256;
/** Groups that are committed at the same time. While one waits for its flush the next one is put together. */
const maxGroups = 2;
const pauseMs = 200;

/** Takes sagas in hand and brings them on: everything that is ready goes into the next transaction. */
export class SagaWorker {
  readonly #options: SagaWorkerOptions;
  readonly #group: Group;
  readonly #live = new Map<string, LiveSaga>();
  /** Something of it is to be written. */
  readonly #ready = new Set<LiveSaga>();
  readonly #callQueue: (() => void)[] = [];
  #calls = 0;
  #groups = 0;
  #isScheduled = false;
  #isStopped = false;
  #onIdle: (() => void) | undefined;

  constructor(options: SagaWorkerOptions) {
    this.#options = options;
    const { store, environment, clock, random, logger } = options;
    this.#group = new Group({ store, environment, clock, random, logger, holdMs });
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

  /** Letters have come. */
  deliver(row: SagaRow): void {
    const live = this.#live.get(row.id);
    if (live === undefined) return;
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
    this.#callQueue.length = 0;
  }

  /** Begins nothing new, and waits for what is being written. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopped = true;
    for (const live of this.#live.values()) live.cancelTimer();
    if (this.#groups > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#options.clock.setTimer(resolve, timeoutMs);
        this.#onIdle = () => {
          cancel();
          resolve();
        };
      });
    }
    this.dropAll();
  }

  #drop(live: LiveSaga): void {
    live.drop();
    this.#live.delete(live.row.id);
    this.#ready.delete(live);
  }

  /** Looks what comes next, begins what runs outside, and has the rest written. */
  #drive(live: LiveSaga): void {
    live.cancelTimer();
    if (live.isGone || live.isBusy || this.#isStopped) return;
    if (live.outcomes.length > 0) {
      this.#enqueue(live);
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
      this.#enqueue(live);
      return;
    }
    for (const work of remote) this.#begin(live, work);
    if (live.inFlight.size > 0 && next.wakeAtMs === undefined) return;
    const wakeInMs = next.wakeAtMs === undefined ? undefined : next.wakeAtMs - nowMs;
    if (wakeInMs !== undefined && (live.inFlight.size > 0 || wakeInMs <= holdMs)) {
      live.cancelTimer = clock.setTimer(() => this.#lookAgain(live), Math.min(wakeInMs, 2 ** 30));
      return;
    }
    if (live.inFlight.size === 0) this.#enqueue(live);
  }

  /** Time has passed. */
  #lookAgain(live: LiveSaga): void {
    live.planned = undefined;
    this.#drive(live);
  }

  #enqueue(live: LiveSaga): void {
    this.#ready.add(live);
    this.#flushSoon();
  }

  /** After what else is ready to run now, so that it goes together. */
  #flushSoon(): void {
    if (this.#isScheduled || this.#isStopped || this.#groups >= maxGroups) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isStopped || this.#groups >= maxGroups || this.#ready.size === 0) return;
    const token = this.#options.token();
    if (token === undefined) {
      this.#pause();
      return;
    }
    const members: Member[] = [];
    for (const live of this.#ready) {
      if (members.length >= maxGroup) break;
      this.#ready.delete(live);
      live.isBusy = true;
      members.push(createMember(live));
    }
    this.#groups += 1;
    void this.#commit(token, members).finally(() => {
      this.#groups -= 1;
      if (this.#ready.size > 0) this.#flushSoon();
      if (this.#groups === 0) this.#onIdle?.();
    });
  }

  async #commit(token: number, members: readonly Member[]): Promise<void> {
    try {
      await this.#group.commit(token, members);
    } catch (error) {
      await this.#sortOut(token, members, error);
      return;
    }
    for (const member of members) this.#settle(member);
  }

  #settle(member: Member): void {
    const { live, written, advanced, outcomes, children } = member;
    live.isBusy = false;
    if (live.isGone || written === undefined || advanced === undefined) return;
    live.state = written.state;
    live.status = written.status;
    live.writtenStatus = written.status;
    // What ended meanwhile is planned anew with its outcome.
    live.planned = written;
    live.outcomes = live.outcomes.slice(outcomes.length);
    this.adoptNew(children);
    if (isEnded(live.status) || live.status === 'stuck') this.#options.onEnd(live);
    if (!advanced.isHeld) {
      this.#drop(live);
      return;
    }
    if (advanced.mailCount > live.mail.length) void this.#fetchMail(live);
    else this.#drive(live);
  }

  async #fetchMail(live: LiveSaga): Promise<void> {
    const token = this.#options.token();
    if (token === undefined) {
      this.#drop(live);
      return;
    }
    try {
      const [row] = await this.#options.store.load(token, [live.row.id]);
      if (row === undefined) this.#drop(live);
      else this.deliver(row);
    } catch (error) {
      // Found again by the next look at what this worker owns.
      this.#options.logger.debug('letters could not be read; trying again', { error });
      this.#drop(live);
    }
  }

  /** Nothing was written. Finds out whose fault it was, and lets the others go again. */
  async #sortOut(token: number, members: readonly Member[], error: unknown): Promise<void> {
    const again: Member[] = [];
    for (const member of members) {
      const { live, isFenced, failures } = member;
      if (isFenced) {
        this.#options.logger.warn('a saga belongs to another worker; what was done here was undone', {
          sagaId: live.row.id,
        });
        live.isBusy = false;
        this.#drop(live);
      } else if (failures.length > 0) this.#release(live, failures);
      else again.push(member);
    }
    if (again.length === 0) return;
    if (error instanceof GroupUndone) {
      for (const { live } of again) this.#release(live, []);
      return;
    }
    if (isServiceError(error) && error.reason === 'commit_outcome_unknown') {
      // The rows know. They are found by the next look at what this worker owns.
      for (const { live } of again) this.#forget(live);
      return;
    }
    if (isServiceError(error) && error.code === 'unavailable') {
      this.#options.logger.debug('sagas cannot be written; trying again', { error });
      this.#pause(again);
      return;
    }
    if (again.length === 1) this.#blame(again[0] as Member, error);
    // One by one, to find out whose it is.
    else for (const { live } of again) await this.#commit(token, [this.#remake(live)]);
  }

  #remake(live: LiveSaga): Member {
    return createMember(live);
  }

  /** The transaction failed with this saga alone in it. */
  #blame({ live, outcomes }: Member, error: unknown): void {
    const { clock, random, logger } = this.#options;
    const { works } = live.plan(outcomes, { nowMs: clock.nowMs(), random });
    const work = works.find(isLocal);
    if (work !== undefined) {
      this.#release(live, [toLocalFailure(work, error)]);
      return;
    }
    logger.error('a saga cannot be written; trying again', { error, sagaId: live.row.id });
    live.isBusy = false;
    live.cancelTimer = clock.setTimer(() => this.#lookAgain(live), 1_000);
  }

  #release(live: LiveSaga, outcomes: LiveSaga['outcomes']): void {
    live.isBusy = false;
    live.planned = undefined;
    live.outcomes.push(...outcomes);
    if (!live.isGone) this.#enqueue(live);
  }

  #forget(live: LiveSaga): void {
    live.isBusy = false;
    this.#drop(live);
  }

  #pause(members: readonly Member[] = []): void {
    for (const { live } of members) live.isBusy = false;
    this.#options.clock.setTimer(() => {
      for (const { live } of members) if (!live.isGone) this.#ready.add(live);
      this.#flushSoon();
    }, pauseMs);
  }

  #begin(live: LiveSaga, work: Work): void {
    live.inFlight.add(work.key);
    live.planned = undefined;
    if (this.#calls < this.#options.maxCalls) this.#perform(live, work);
    else this.#callQueue.push(() => this.#perform(live, work));
  }

  #perform(live: LiveSaga, work: Work): void {
    if (live.isGone || this.#isStopped) return;
    this.#calls += 1;
    const { environment, clock } = this.#options;
    void performRemote(environment, live, { work, clock }).then((outcome) => {
      this.#calls -= 1;
      this.#callQueue.shift()?.();
      live.inFlight.delete(work.key);
      live.planned = undefined;
      if (live.isGone || this.#isStopped) return;
      live.outcomes.push(outcome);
      if (!live.isBusy) this.#enqueue(live);
    });
  }
}
