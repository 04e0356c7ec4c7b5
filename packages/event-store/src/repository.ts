import { isDeepStrictEqual } from 'node:util';
import { isServiceError, type Sql } from '@banyan/core';
import type { Aggregate, AggregateEvent } from './aggregate.ts';
import { eventStoreError } from './errors.ts';
import type { AppendTransaction, EventMetadata, EventStore, RecordedEvent } from './event-store.ts';
import type { EventOf, EventTypes, NewEvent } from './event-types.ts';
import type { Emitting, Publication } from './publication.ts';
import { findSnapshot, saveSnapshot } from './snapshots.ts';

/** As of when an aggregate is read; default: now. */
export interface LoadOptions {
  /** The state as it was after this revision. */
  readonly revision?: number;
  /** The state as it was recorded up to this time, RFC 3339. */
  readonly recordedUntil?: string;
  readonly tx?: { readonly sql: Sql };
}

/** An aggregate as it was read. */
export interface Loaded<State> {
  readonly state: State;
  /** Of the last event in it; -1 if there is none. */
  readonly revision: number;
}

/** What goes with a command. */
export interface ExecuteOptions<Tx extends AppendTransaction> {
  readonly metadata?: EventMetadata;
  readonly tx?: Tx;
  /** Refuses if the aggregate is at another revision, for a caller who has seen it at this one. Nothing is tried again then. */
  readonly expected?: number;
}

/** The state after a command, and what it appended. */
export interface Executed<Types extends EventTypes, State> extends Loaded<State> {
  /** What was appended. */
  readonly events: readonly NewEvent<Types>[];
  /** Of the last one; undefined if there is none. A projection can be waited for with it. */
  readonly position: number | undefined;
}

/** What the repositories of a kind of aggregate do beside loading and appending. */
export interface RepositoryOptions<Types extends EventTypes> {
  /** Then every append needs a `tx` with `emit`. */
  readonly publication?: Publication<Types>;
  /** How often a command is decided anew because somebody else was faster; default 5, the first time included. */
  readonly maxAttempts?: number;
}

/** Aggregates of one kind, in a store. Costs nothing to make. */
export interface Repository<Types extends EventTypes, State, Command> {
  load(id: string, options?: LoadOptions): Promise<Loaded<State>>;
  /**
   * Loads, decides and appends; again if somebody else appended in between.
   * @throws what `decide` throws, and what `append` throws: `wrong_expected_revision` after the last attempt
   */
  execute(
    id: string,
    command: Command,
    options?: ExecuteOptions<AppendTransaction & Partial<Emitting>>,
  ): Promise<Executed<Types, State>>;
  /**
   * Undoes the last `count` events: appends what makes up for them, newest first, so that the state is as before them. `metadata.reverses`
   * has their revisions.
   * @throws ServiceError `failed_precondition` `not_reversible`
   */
  reverse(
    id: string,
    count: number,
    options?: Omit<ExecuteOptions<AppendTransaction & Partial<Emitting>>, 'expected'>,
  ): Promise<Executed<Types, State>>;
}

/** @throws TypeError if the aggregate has events that the store does not */
export function createRepository<Types extends EventTypes, State, Command>(
  store: EventStore<Types>,
  aggregate: Aggregate<Types, State, Command>,
  options: RepositoryOptions<Types> = {},
): Repository<Types, State, Command> {
  for (const type of Object.keys(aggregate.events)) {
    if (!Object.hasOwn(store.types, type)) {
      throw new TypeError(`createRepository('${aggregate.name}'): the store has no event type '${type}'.`);
    }
  }
  return new StoreRepository(store, aggregate, options);
}

type Tx = AppendTransaction & Partial<Emitting>;

class StoreRepository<Types extends EventTypes, State, Command> implements Repository<Types, State, Command> {
  readonly #store: EventStore<Types>;
  readonly #aggregate: Aggregate<Types, State, Command>;
  readonly #options: RepositoryOptions<Types>;

  constructor(
    store: EventStore<Types>,
    aggregate: Aggregate<Types, State, Command>,
    options: RepositoryOptions<Types>,
  ) {
    this.#store = store;
    this.#aggregate = aggregate;
    this.#options = options;
  }

  async load(id: string, options: LoadOptions = {}): Promise<Loaded<State>> {
    const { evolve, initialState, snapshotEvery } = this.#aggregate;
    const { revision: to, recordedUntil, tx } = options;
    const stream = this.#streamOf(id);
    const shape = `${this.#aggregate.name}@${this.#aggregate.version}`;
    const sql = tx?.sql ?? this.#store.sql;
    const found = snapshotEvery === undefined ? undefined : await findSnapshot(sql, stream, shape);
    const isLater =
      found !== undefined &&
      ((to !== undefined && found.revision > to) ||
        (recordedUntil !== undefined && Date.parse(found.recordedAt) > Date.parse(recordedUntil)));
    const snapshot = isLater ? undefined : found;
    const events = await this.#store.readStream(stream, {
      from: (snapshot?.revision ?? -1) + 1,
      ...(to !== undefined && { to }),
      ...(recordedUntil !== undefined && { recordedUntil }),
      ...(tx !== undefined && { tx }),
    });
    let state = snapshot === undefined ? initialState : (snapshot.state as State);
    for (const event of events) state = evolve(state, event);
    const last = events.at(-1);
    if (snapshotEvery !== undefined && events.length >= snapshotEvery && last !== undefined && !isLater) {
      const subjects = new Set(snapshot?.subjects);
      for (const { subject } of events) if (subject !== undefined) subjects.add(subject);
      const { revision, recordedAt } = last;
      await saveSnapshot(sql, { stream, shape }, { revision, recordedAt, state, subjects: [...subjects] });
    }
    return { state, revision: last?.revision ?? snapshot?.revision ?? -1 };
  }

  async execute(
    id: string,
    command: Command,
    options: ExecuteOptions<Tx> = {},
  ): Promise<Executed<Types, State>> {
    const { tx, expected } = options;
    const { maxAttempts = 5 } = this.#options;
    this.#checkEmit(tx);
    for (let attempt = 1; ; attempt += 1) {
      const loaded = await this.load(id, { ...(tx && { tx }) });
      if (expected !== undefined && expected !== loaded.revision) {
        throw eventStoreError('wrong_expected_revision', {
          message: `'${this.#streamOf(id)}' is at revision ${loaded.revision}.`,
          details: { stream: this.#streamOf(id), expected, actual: loaded.revision },
        });
      }
      const events = this.#aggregate.decide(command, loaded.state);
      try {
        return await this.#append(id, loaded, events, options);
      } catch (error) {
        const isConflict = isServiceError(error) && error.reason === 'wrong_expected_revision';
        if (!isConflict || expected !== undefined || attempt >= maxAttempts) throw error;
      }
    }
  }

  async reverse(
    id: string,
    count: number,
    options: ExecuteOptions<Tx> = {},
  ): Promise<Executed<Types, State>> {
    const { tx, metadata } = options;
    const { initialState, evolve } = this.#aggregate;
    this.#checkEmit(tx);
    const history = await this.#store.readStream(this.#streamOf(id), { ...(tx && { tx }) });
    if (!Number.isInteger(count) || count < 1 || count > history.length) {
      throw eventStoreError('not_reversible', {
        message: `There are ${history.length} events; ${String(count)} cannot be reversed.`,
      });
    }
    const states = [initialState];
    for (const event of history) states.push(evolve(states.at(-1) as State, event));
    const first = history.length - count;
    const events: NewEvent<Types>[] = [];
    const reverses: number[] = [];
    for (let index = history.length - 1; index >= first; index -= 1) {
      events.push(...this.#compensate(history[index] as RecordedEvent<Types>, states[index] as State));
      reverses.push(index);
    }
    const loaded = { state: states.at(-1) as State, revision: history.length - 1 };
    const after = this.#evolveAll(loaded.state, events);
    if (!isDeepStrictEqual(after, states[first])) {
      throw eventStoreError('not_reversible', {
        message: 'The compensations do not lead back to the state before the events.',
      });
    }
    return this.#append(id, loaded, events, { ...options, metadata: { ...metadata, reverses } });
  }

  #compensate(event: RecordedEvent<Types>, before: State): readonly NewEvent<Types>[] {
    const compensate = this.#aggregate.compensate[event.type] as
      | ((event: RecordedEvent<Types>, before: State) => readonly NewEvent<Types>[])
      | undefined;
    if (compensate !== undefined) return compensate(event, before);
    throw eventStoreError('not_reversible', {
      message: `'${event.type}' has no compensation: add 'compensate.${event.type}' to the aggregate '${this.#aggregate.name}'.`,
    });
  }

  async #append(
    id: string,
    loaded: Loaded<State>,
    events: readonly NewEvent<Types>[],
    { tx, metadata }: ExecuteOptions<Tx>,
  ): Promise<Executed<Types, State>> {
    if (events.length === 0) return { ...loaded, events, position: undefined };
    const stream = this.#streamOf(id);
    const { revision, position } = await this.#store.append(stream, events, {
      expected: loaded.revision === -1 ? 'noStream' : loaded.revision,
      ...(tx && { tx }),
      ...(metadata && { metadata }),
    });
    // A refusal of the mapping rolls the append back with the transaction.
    if (tx?.emit !== undefined) {
      const first = { stream, revision: loaded.revision + 1 };
      this.#options.publication?.publish(tx as Emitting, first, events as readonly EventOf<Types>[]);
    }
    return { state: this.#evolveAll(loaded.state, events), revision, position, events };
  }

  #evolveAll(state: State, events: readonly NewEvent<Types>[]): State {
    let current = state;
    for (const event of events) {
      const version = this.#aggregate.events[event.type]?.version ?? 1;
      current = this.#aggregate.evolve(current, { ...event, version } as unknown as AggregateEvent<Types>);
    }
    return current;
  }

  #checkEmit(tx: Tx | undefined): void {
    if (this.#options.publication === undefined || tx?.emit !== undefined) return;
    throw new TypeError(
      `'${this.#aggregate.name}' publishes events: pass the service's transaction as 'tx', which has 'emit'.`,
    );
  }

  #streamOf(id: string): string {
    return `${this.#aggregate.name}-${id}`;
  }
}
