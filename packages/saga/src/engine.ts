import { createHash } from 'node:crypto';
import { createValidator, type Validator } from '@banyan/contract';
import { type Clock, type Logger, type Sql, type User, uuidv7 } from '@banyan/core';
import { definitionId, type SagaDefinition } from './definition.ts';
import type { SagaEnvironment } from './environment.ts';
import type { LiveSaga } from './live-saga.ts';
import type { NewSaga, SagaStanding, SagaStore, StoredSaga } from './saga-store.ts';
import { SagaWorker } from './saga-worker.ts';
import { StartBatch } from './start-batch.ts';
import { isEnded, type Letter, type SagaStatus } from './state.ts';
import { createWorkerLease, type WorkerLease } from './worker-lease.ts';

export interface SagaEngineOptions {
  /** Name of this instance of the service, for operators. */
  readonly instance: string;
  readonly sagas: readonly SagaDefinition[];
  readonly store: SagaStore;
  readonly environment: SagaEnvironment;
  /** A saga has ended, or needs an operator. */
  readonly onEnd?: (saga: LiveSaga) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings?: Partial<SagaSettings>;
}

export interface SagaSettings {
  /** A worker that was not heard of for so long is dead. Default 4,000. */
  readonly leaseMs: number;
  /** How often to look for what is due. Default 500. */
  readonly pollMs: number;
  /** Sagas in hand at one time. Default 2,000. */
  readonly maxInHand: number;
  /** Calls at one time. Default 128. */
  readonly maxCalls: number;
  /** How long ended sagas and replies are kept; so long an idempotency key is remembered. Default 7 days. */
  readonly retentionMs: number;
}

const defaults: SagaSettings = {
  leaseMs: 4_000,
  pollMs: 500,
  maxInHand: 2_000,
  maxCalls: 128,
  retentionMs: 7 * 86_400_000,
};
const pruneIntervalMs = 10 * 60_000;
const lookIntervalMs = 4_000;

export interface StartRequest {
  readonly saga: SagaDefinition;
  /** Validated here. */
  readonly input: unknown;
  readonly idempotencyKey: string | undefined;
  readonly user: User | undefined;
  readonly traceparent: string | undefined;
}

/** How far a saga is. */
export type SagaStand = Pick<StoredSaga, 'id' | 'name' | 'version' | 'status' | 'state' | 'waitingFor'>;

/** Runs the sagas of one service in this process. */
export interface SagaEngine {
  /** @throws what the store throws */
  start(): Promise<void>;
  /** Finishes what is being written; others take over the rest at once. Idempotent; never rejects. */
  stop(timeoutMs: number): Promise<void>;
  /**
   * The row to be written by `insert` in a transaction.
   * @throws ServiceError `invalid_argument` `invalid_input`
   * @throws TypeError if the service does not run the saga
   */
  prepare(request: StartRequest): NewSaga;
  /** Writes new sagas; call `started` with what it resolves with after the commit. */
  insert(sql: Sql, sagas: readonly NewSaga[]): Promise<readonly NewSaga[]>;
  started(sagas: readonly NewSaga[]): void;
  /** Starts a saga in a transaction of its own, which it may share with others. */
  begin(saga: NewSaga): Promise<void>;
  post(sql: Sql, id: string, letter: Letter): Promise<'posted' | 'ended' | 'unknown'>;
  /** Letters came, or something became due: looks now instead of later. */
  poke(ids?: readonly string[]): void;
  read(id: string): Promise<StoredSaga | undefined>;
  /** Resolves when the saga has ended or is stuck, or with how it stands when the time is over; undefined if it is not known. */
  ended(
    id: string,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<SagaStand | undefined>;
  standing(): Promise<SagaStanding>;
  readonly inHand: number;
}

/** No I/O until `start`. */
export function createSagaEngine(options: SagaEngineOptions): SagaEngine {
  return new LeasedEngine(options);
}

/** With an idempotency key the id is made of it, so that the same key is the same saga. */
export function sagaIdOf(saga: string, idempotencyKey: string | undefined): string {
  if (idempotencyKey === undefined) return uuidv7();
  const hash = createHash('sha256').update(`${saga}\n${idempotencyKey}`).digest('hex');
  // Version 8 of RFC 9562: made by our own rule.
  const variant = ((Number.parseInt(hash.slice(16, 17), 16) & 3) | 8).toString(16);
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-${variant}${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

class LeasedEngine implements SagaEngine {
  readonly #options: SagaEngineOptions;
  readonly #settings: SagaSettings;
  readonly #definitions: ReadonlyMap<string, SagaDefinition>;
  readonly #validators = new Map<SagaDefinition, Validator<unknown>>();
  readonly #worker: SagaWorker;
  readonly #lease: WorkerLease;
  readonly #waiters = new Map<string, Set<(live: LiveSaga | undefined) => void>>();
  readonly #starts: StartBatch;
  readonly #ownButNotInHand = new Set<string>();
  #cancelPoll = () => {};
  #cancelLook = () => {};
  #cancelPrune = () => {};
  #isPolling = false;
  #isPoked = false;
  #stopped: Promise<void> | undefined;

  constructor(options: SagaEngineOptions) {
    this.#options = options;
    this.#settings = { ...defaults, ...options.settings };
    this.#definitions = new Map(options.sagas.map((saga) => [definitionId(saga), saga]));
    const { store, environment, clock, logger, instance } = options;
    this.#starts = new StartBatch(async (sagas) => {
      const { environment } = this.#options;
      this.started(await environment.transaction(({ sql }) => this.insert(sql, sagas)));
    });
    this.#lease = createWorkerLease({
      store,
      instance,
      leaseMs: this.#settings.leaseMs,
      onLost: () => this.#worker.dropAll(),
      clock,
      logger,
    });
    this.#worker = new SagaWorker({
      definitions: this.#definitions,
      store,
      environment,
      token: () => this.#lease.token,
      onEnd: (live) => this.#onEnd(live),
      maxInHand: this.#settings.maxInHand,
      maxCalls: this.#settings.maxCalls,
      clock,
      random: Math.random,
      logger,
    });
  }

  get inHand(): number {
    return this.#worker.inHand;
  }

  async start(): Promise<void> {
    await this.#lease.start();
    this.#pollAfter(0);
    this.#lookLater();
    this.#pruneLater();
  }

  stop(timeoutMs: number): Promise<void> {
    this.#stopped ??= this.#stop(timeoutMs);
    return this.#stopped;
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#cancelPoll();
    this.#cancelLook();
    this.#cancelPrune();
    await this.#worker.stop(timeoutMs);
    await this.#lease.stop();
    for (const waiters of this.#waiters.values()) for (const wake of waiters) wake(undefined);
  }

  prepare({ saga, input, idempotencyKey, user, traceparent }: StartRequest): NewSaga {
    const { name, version, deadlineMs } = saga;
    if (this.#definitions.get(definitionId(saga)) === undefined) {
      const known = [...this.#definitions.keys()].join(', ') || 'none';
      throw new TypeError(
        `start(${definitionId(saga)}): add it to 'sagas' of the service, which has ${known}.`,
      );
    }
    if (idempotencyKey !== undefined && (idempotencyKey === '' || idempotencyKey.length > 1_000)) {
      throw new TypeError(`start(${definitionId(saga)}): an idempotency key has 1 to 1,000 characters.`);
    }
    let validator = this.#validators.get(saga);
    if (validator === undefined) {
      validator = createValidator(saga.input, 'input');
      this.#validators.set(saga, validator);
    }
    return {
      id: sagaIdOf(name, idempotencyKey),
      name,
      version,
      idempotencyKey,
      input: JSON.parse(JSON.stringify(validator.parse(input))),
      deadlineMs,
      user,
      traceparent,
      parent: undefined,
    };
  }

  async insert(sql: Sql, sagas: readonly NewSaga[]): Promise<readonly NewSaga[]> {
    const { store } = this.#options;
    const owner = this.#worker.room >= sagas.length ? this.#lease.token : undefined;
    const inserted = new Set(await store.start(sql, sagas, owner));
    // What has no owner is found by a poll.
    return owner === undefined ? [] : sagas.filter(({ id }) => inserted.has(id));
  }

  started(sagas: readonly NewSaga[]): void {
    if (sagas.length === 0) this.poke();
    else if (this.#stopped === undefined) this.#worker.adoptNew(sagas);
  }

  post(sql: Sql, id: string, letter: Letter): Promise<'posted' | 'ended' | 'unknown'> {
    return this.#options.store.post(sql, id, letter);
  }

  poke(ids: readonly string[] = []): void {
    for (const id of ids) this.#worker.lookForMail(id);
    this.#isPoked = true;
    if (!this.#isPolling) this.#pollAfter(0);
  }

  read(id: string): Promise<StoredSaga | undefined> {
    return this.#options.store.read(id);
  }

  begin(saga: NewSaga): Promise<void> {
    return this.#starts.add(saga);
  }

  async ended(
    id: string,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<SagaStand | undefined> {
    const { clock } = this.#options;
    const untilMs = clock.nowMs() + timeoutMs;
    const { promise: told, resolve: tell } = Promise.withResolvers<LiveSaga | undefined>();
    const onAbort = () => tell(undefined);
    const waiters = this.#waiters.get(id) ?? new Set();
    this.#waiters.set(id, waiters.add(tell));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for (let pauseMs = 100; ; pauseMs = Math.min(2 * pauseMs, 1_000)) {
        // What is in hand here tells by itself; another process that ends it does not.
        const isHere = this.#worker.has(id) && clock.nowMs() < untilMs;
        const found = isHere ? undefined : await this.read(id);
        const isOver = clock.nowMs() >= untilMs || this.#stopped !== undefined;
        if (!isHere && (found === undefined || isSettled(found.status) || isOver)) return found;
        const ending = await firstOf(told, Math.min(pauseMs, untilMs - clock.nowMs()), clock);
        signal?.throwIfAborted();
        if (ending !== undefined) {
          const { row, status, state } = ending;
          return { id, name: row.name, version: row.version, status, state, waitingFor: [] };
        }
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      waiters.delete(tell);
      if (waiters.size === 0) this.#waiters.delete(id);
    }
  }

  standing(): Promise<SagaStanding> {
    return this.#options.store.standing([...this.#definitions.keys()]);
  }

  #onEnd(live: LiveSaga): void {
    const waiters = this.#waiters.get(live.row.id);
    if (waiters !== undefined) for (const wake of waiters) wake(live);
    if (live.row.parent !== undefined) this.poke([live.row.parent.id]);
    this.#options.onEnd?.(live);
  }

  #pollAfter(delayMs: number): void {
    this.#cancelPoll();
    if (this.#stopped !== undefined) return;
    this.#cancelPoll = this.#options.clock.setTimer(() => void this.#poll(), delayMs);
  }

  async #poll(): Promise<void> {
    const { store, logger } = this.#options;
    const token = this.#lease.token;
    const limit = Math.min(this.#worker.room, 500);
    this.#isPolling = true;
    this.#isPoked = false;
    let taken = 0;
    try {
      if (token !== undefined && limit > 0) {
        const rows = await store.claim(token, [...this.#definitions.keys()], limit);
        taken = rows.length;
        if (this.#stopped === undefined && this.#lease.token === token) this.#worker.adopt(rows);
      }
    } catch (error) {
      // What an unsure claim took is found by the next look at what this worker owns.
      if (this.#stopped === undefined) logger.debug('due sagas could not be read; trying again', { error });
    } finally {
      this.#isPolling = false;
    }
    this.#pollAfter(
      this.#isPoked || taken === limit ? 0 : this.#settings.pollMs * (0.75 + Math.random() / 2),
    );
  }

  #lookLater(): void {
    this.#cancelLook = this.#options.clock.setTimer(() => {
      void this.#look().finally(() => {
        if (this.#stopped === undefined) this.#lookLater();
      });
    }, lookIntervalMs);
  }

  /** Rows that are ours by the database's word, but not in hand: a commit or a claim whose answer was lost. And letters that came meanwhile. */
  async #look(): Promise<void> {
    const { store, logger } = this.#options;
    const token = this.#lease.token;
    if (token === undefined) return;
    try {
      const owned = await store.owned(token);
      const isLetterNew = (id: string, count: number) => {
        const seen = this.#worker.mailCountOf(id);
        return seen !== undefined && count > seen;
      };
      const suspects = owned.filter(({ id }) => !this.#worker.has(id)).map(({ id }) => id);
      // Twice in a row: a transaction that starts sagas may have committed a moment ago.
      const lost = suspects.filter((id) => this.#ownButNotInHand.has(id));
      this.#ownButNotInHand.clear();
      for (const id of suspects) this.#ownButNotInHand.add(id);
      const unread = owned.filter(({ id, mailCount }) => isLetterNew(id, mailCount)).map(({ id }) => id);
      if (lost.length + unread.length === 0) return;
      const rows = await store.load(token, [...lost, ...unread]);
      if (this.#stopped !== undefined || this.#lease.token !== token) return;
      for (const row of rows) {
        if (this.#worker.has(row.id)) this.#worker.deliver(row);
        else this.#worker.adopt([row]);
      }
    } catch (error) {
      if (this.#stopped === undefined)
        logger.debug('the own sagas could not be read; trying again', { error });
    }
  }

  #pruneLater(): void {
    const { clock, store, logger } = this.#options;
    this.#cancelPrune = clock.setTimer(() => {
      store.prune(this.#settings.retentionMs).catch((error: unknown) => {
        logger.warn('old sagas could not be pruned; trying again later', { error });
      });
      this.#pruneLater();
    }, pruneIntervalMs);
  }
}

/** What `told` resolves with, or undefined after `delayMs`. */
function firstOf<Value>(
  told: Promise<Value | undefined>,
  delayMs: number,
  clock: Clock,
): Promise<Value | undefined> {
  return new Promise((resolve) => {
    const cancel = clock.setTimer(() => resolve(undefined), delayMs);
    void told.then((value) => {
      cancel();
      resolve(value);
    });
  });
}

function isSettled(status: SagaStatus): boolean {
  return isEnded(status) || status === 'stuck';
}
