import { createValidator, type Validator } from '@banyan/contract';
import type { Clock, Logger, Sql, User } from '@banyan/core';
import { checkDuration } from '../definition/check-definition.ts';
import { definitionId } from '../definition/definition.ts';
import { checkSignal } from '../definition/signal.ts';
import type { Startable } from '../durable/context.ts';
import { firstState } from '../durable/durable-state.ts';
import type { SagaEnvironment } from '../environment.ts';
import type { NewSaga, Posted, SagaStanding, SagaStore, StoredSaga } from '../saga-store.ts';
import type { Letter } from '../state.ts';
import { type EndedSaga, Ends, type SagaStand, type WaitForEnd } from './ends.ts';
import { Intake } from './intake.ts';
import { boundsFor, mailFull } from './mail-bounds.ts';
import { sagaIdOf } from './saga-id.ts';
import { defaultSettings, type SagaSettings } from './settings.ts';
import { StartBatch } from './start-batch.ts';
import { createWorkerLease, type WorkerLease } from './worker-lease.ts';
import { Workers } from './workers.ts';

export interface SagaEngineOptions {
  /** Name of this instance of the service, for operators. */
  readonly instance: string;
  readonly sagas: readonly Startable[];
  readonly store: SagaStore;
  readonly environment: SagaEnvironment;
  /** A saga has ended, or needs an operator. */
  readonly onEnd?: (saga: EndedSaga) => void;
  /** Runs durable functions again from their beginning after each entry of their journal. Default: false. */
  readonly rehearse?: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings?: Partial<SagaSettings>;
}

const pruneIntervalMs = 10 * 60_000;

export interface StartRequest {
  readonly saga: Startable;
  /** Validated here. */
  readonly input: unknown;
  readonly idempotencyKey: string | undefined;
  /** Instead of the definition's. */
  readonly deadlineMs?: number | undefined;
  readonly user: User | undefined;
  readonly traceparent: string | undefined;
}

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
  /** Starts a saga in a transaction that it may share with others, and with its own first steps if they are local. */
  begin(saga: NewSaga): Promise<void>;
  /** @throws ServiceError `invalid_argument` `invalid_signal`, `resource_exhausted` `saga_mail_full`; the transaction may not commit then */
  post(sql: Sql, id: string, letter: Letter): Promise<Posted['state']>;
  /** Letters came, or something became due: looks now instead of later. */
  poke(ids?: readonly string[]): void;
  read(id: string): Promise<StoredSaga | undefined>;
  /** Resolves when the saga has ended or is stuck, or with how it stands when the time is over; undefined if it is not known. */
  ended(id: string, options: WaitForEnd): Promise<SagaStand | undefined>;
  standing(): Promise<SagaStanding>;
  readonly inHand: number;
}

/** No I/O until `start`. */
export function createSagaEngine(options: SagaEngineOptions): SagaEngine {
  return new LeasedEngine(options);
}

class LeasedEngine implements SagaEngine {
  readonly #options: SagaEngineOptions;
  readonly #settings: SagaSettings;
  readonly #definitions: ReadonlyMap<string, Startable>;
  readonly #validators = new Map<Startable, Validator<unknown>>();
  readonly #lease: WorkerLease;
  readonly #worker: Workers;
  readonly #intake: Intake;
  readonly #ends: Ends;
  readonly #starts: StartBatch;
  #cancelPrune = () => {};
  #stopped: Promise<void> | undefined;

  constructor(options: SagaEngineOptions) {
    this.#options = options;
    this.#settings = { ...defaultSettings, ...options.settings };
    this.#definitions = new Map(options.sagas.map((saga) => [definitionId(saga), saga]));
    const { store, environment, clock, logger, instance } = options;
    const { leaseMs, maxInHand, maxCalls, pollMs } = this.#settings;
    const onLost = () => this.#worker.dropAll();
    this.#lease = createWorkerLease({ store, instance, leaseMs, onLost, clock, logger });
    const token = () => this.#lease.token;
    const common = { store, token, clock, random: Math.random, logger };
    this.#worker = new Workers({
      ...common,
      definitions: this.#definitions,
      environment,
      onEnd: (live) => this.#onEnd(live),
      maxInHand,
      maxCalls,
      rehearse: options.rehearse ?? false,
    });
    const names = [...this.#definitions.keys()];
    this.#intake = new Intake({ ...common, definitions: names, hands: this.#worker, pollMs });
    this.#ends = new Ends({
      read: (id) => this.read(id),
      isInHand: (id) => this.#worker.has(id),
      clock,
    });
    this.#starts = new StartBatch(async (sagas) => {
      this.started(await environment.transaction(({ sql }) => this.insert(sql, sagas)));
    });
  }

  get inHand(): number {
    return this.#worker.inHand;
  }

  async start(): Promise<void> {
    await this.#lease.start();
    this.#intake.start();
    this.#pruneLater();
  }

  stop(timeoutMs: number): Promise<void> {
    this.#stopped ??= this.#stop(timeoutMs);
    return this.#stopped;
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#intake.stop();
    this.#cancelPrune();
    await this.#worker.stop(timeoutMs);
    await this.#lease.stop();
    this.#ends.stop();
  }

  prepare({ saga, input, idempotencyKey, user, traceparent, ...rest }: StartRequest): NewSaga {
    const { name, version } = saga;
    const { deadlineMs = saga.deadlineMs } = rest;
    if (this.#definitions.get(definitionId(saga)) === undefined) {
      const known = [...this.#definitions.keys()].join(', ') || 'none';
      throw new TypeError(
        `start(${definitionId(saga)}): add it to '${saga.kind === 'saga' ? 'sagas' : 'durable'}' of the service, which has ${known}.`,
      );
    }
    if (idempotencyKey !== undefined && (idempotencyKey === '' || idempotencyKey.length > 1_000)) {
      throw new TypeError(`start(${definitionId(saga)}): an idempotency key has 1 to 1,000 characters.`);
    }
    if (deadlineMs !== undefined) checkDuration(`start(${definitionId(saga)}): 'deadlineMs'`, deadlineMs);
    const validator = this.#validators.get(saga) ?? createValidator(saga.input, 'input');
    this.#validators.set(saga, validator);
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
      ...(saga.kind === 'durable' ? { state: firstState(this.#options.clock.nowMs()) } : undefined),
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

  async begin(saga: NewSaga): Promise<void> {
    if (!(await this.#worker.begin(saga))) await this.#starts.add(saga);
  }

  async post(sql: Sql, id: string, letter: Letter): Promise<Posted['state']> {
    const bounds = boundsFor(letter);
    const posted = await this.#options.store.post(sql, id, letter, bounds);
    if (posted.state === 'full' && bounds !== undefined) throw mailFull(posted.saga, letter, bounds);
    if (letter.kind === 'signal' && posted.state === 'posted') {
      const definition = this.#definitions.get(posted.saga);
      if (definition?.kind === 'saga') checkSignal(definition, letter);
    }
    return posted.state;
  }

  poke(ids: readonly string[] = []): void {
    for (const id of ids) this.#worker.lookForMail(id);
    this.#intake.poke();
  }

  read(id: string): Promise<StoredSaga | undefined> {
    return this.#options.store.read(id);
  }

  ended(id: string, options: WaitForEnd): Promise<SagaStand | undefined> {
    return this.#ends.wait(id, options);
  }

  standing(): Promise<SagaStanding> {
    return this.#options.store.standing([...this.#definitions.keys()]);
  }

  #onEnd(live: EndedSaga): void {
    this.#ends.tell(live);
    if (live.row.parent !== undefined) this.poke([live.row.parent.id]);
    this.#options.onEnd?.(live);
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
