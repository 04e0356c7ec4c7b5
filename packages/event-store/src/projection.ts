import type { Logger, Sql, SqlFragment, SqlQuery, Transaction } from '@banyan/core';
import { readLag, type SubscriptionLag } from './checkpoints.ts';
import { eventStoreError } from './errors.ts';
import type { EventStore, RecordedEvent } from './event-store.ts';
import type { EventTypes } from './event-types.ts';
import { pause } from './pause.ts';
import {
  hasReached,
  prepareTables,
  removeOlderTables,
  subscriptionOf,
  switchTo,
} from './projection-tables.ts';
import { createWatchedSubscription, type Subscription, type SubscriptionDatabase } from './subscription.ts';

/** The tables of the version that is being written, for use in `sql`. */
export type ProjectionTables<Name extends string> = Readonly<Record<Name, SqlFragment>>;

/** What a projection's handler works with: the transaction in which it moves on, and its tables. */
export interface ProjectionContext<Name extends string> {
  readonly sql: Sql;
  readonly tables: ProjectionTables<Name>;
}

/** A view of the log in tables: what `on` makes of the events, and nothing else. */
export interface Projection<Types extends EventTypes, Name extends string = string> {
  /** Under which its places in the log are kept. */
  readonly name: string;
  /** Raise it whenever `tables` or `on` change: the new version is built beside the live one. */
  readonly version: number;
  /** How each table is made. Readers use the name, which is a view of the live version; the table itself has the version in its name. */
  readonly tables: Readonly<Record<Name, (table: SqlFragment, sql: Sql) => readonly SqlQuery<object>[]>>;
  /** One handler for each type that it wants. It has no way to call or to tell anybody: a rebuild runs it again. */
  readonly on: {
    readonly [Type in keyof Types & string]?: (
      event: Extract<RecordedEvent<Types>, { readonly type: Type }>,
      context: ProjectionContext<Name>,
    ) => Promise<unknown>;
  };
  /** Events of one key are handled one after the other, others side by side in one transaction. Default: the stream. */
  readonly keyOf?: (event: RecordedEvent<Types>) => string;
}

const tableName = /^[a-z_][a-z0-9_]{0,50}$/;

/** @throws TypeError, with the fix in the text, if a name or the version cannot be used */
export function defineProjection<Types extends EventTypes, const Name extends string>(
  _events: Types,
  projection: Projection<Types, Name>,
): Projection<Types, Name> {
  const { name, version, tables } = projection;
  for (const each of [name, ...Object.keys(tables)]) {
    if (!tableName.test(each))
      throw new TypeError(`defineProjection('${name}'): name '${each}' in snake_case.`);
  }
  if (!Number.isInteger(version) || version < 1) {
    throw new TypeError(`defineProjection('${name}'): 'version' is a whole number from 1.`);
  }
  return projection;
}

/** How {@link createProjection} reads the log. */
export interface ProjectionOptions {
  readonly database: SubscriptionDatabase<Transaction>;
  /** See `SubscriptionOptions`. */
  readonly partitions?: number;
  readonly pageSize?: number;
  readonly leaseMs?: number;
  readonly pollMs?: number;
  readonly overdueAfterMs?: number;
  readonly logger?: Logger;
}

/** A projection in one process. Several processes may run it: they share its partitions. */
export interface RunningProjection {
  /**
   * Makes the tables, follows the log until `signal` aborts, and makes this version the live one as soon as it has passed what the live one has
   * shown: views are replaced in one transaction, so that readers see one version or the other. The first version is live at once.
   */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Resolves when the live version shows the event at `position`, which an append has given.
   * @throws ServiceError `deadline_exceeded` `projection_behind`
   */
  waitFor(position: number, options: { readonly timeoutMs: number }): Promise<void>;
  /** How far the version of this code is behind. */
  lag(): Promise<SubscriptionLag>;
  /** The version that readers see; undefined before the first run. */
  liveVersion(): Promise<number | undefined>;
  /** Drops the tables of versions below the live one. */
  removeOlder(): Promise<void>;
  readonly lastError: unknown;
}

/**
 * Runs `projection` over the log of `store`. Does no I/O until `run`.
 * @throws TypeError if the number of partitions is not 1 to 256
 */
export function createProjection<Types extends EventTypes, Name extends string>(
  store: EventStore<Types>,
  projection: Projection<Types, Name>,
  options: ProjectionOptions,
): RunningProjection {
  return new TableProjection(store, projection, options);
}

const waitStepMs = 10;

class TableProjection<Types extends EventTypes, Name extends string> implements RunningProjection {
  readonly #projection: Projection<Types, Name>;
  readonly #database: SubscriptionDatabase<Transaction>;
  readonly #subscription: Subscription;
  #isLive = false;

  constructor(store: EventStore<Types>, projection: Projection<Types, Name>, options: ProjectionOptions) {
    this.#projection = projection;
    this.#database = options.database;
    const subscription = {
      ...options,
      name: subscriptionOf(projection),
      filter: { types: Object.keys(projection.on) as (keyof Types & string)[] },
      transaction: { concurrent: true },
      handle: (events: readonly RecordedEvent<Types>[], { sql }: Transaction) => this.#handle(events, sql),
      onCaughtUp: () => this.#goLive(),
    };
    const { name, version } = projection;
    this.#subscription = createWatchedSubscription(store, subscription, {
      name,
      seen: async () => subscriptionOf({ name, version: (await this.liveVersion()) ?? version }),
    });
  }

  get lastError(): unknown {
    return this.#subscription.lastError;
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#database.tx(({ sql }) => prepareTables(sql, this.#projection));
    await this.#subscription.run(signal);
  }

  async waitFor(position: number, { timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      if (await hasReached(this.#database.sql, this.#projection.name, position)) return;
      if (deadline.aborted) throw eventStoreError('projection_behind');
      await pause(waitStepMs, deadline);
    }
  }

  lag(): Promise<SubscriptionLag> {
    return readLag(this.#database.sql, subscriptionOf(this.#projection));
  }

  async liveVersion(): Promise<number | undefined> {
    const [row] = await this.#database.sql<{ version: number }>`
      select version from banyan.event_projection where name = ${this.#projection.name}`;
    return row?.version;
  }

  async removeOlder(): Promise<void> {
    await this.#database.tx(({ sql }) => removeOlderTables(sql, this.#projection));
  }

  async #goLive(): Promise<void> {
    if (this.#isLive) return;
    this.#isLive = await this.#database.tx(({ sql }) => switchTo(sql, this.#projection));
  }

  async #handle(events: readonly RecordedEvent<Types>[], sql: Sql): Promise<void> {
    const { keyOf = ({ stream }) => stream } = this.#projection;
    const byKey = Map.groupBy(events, keyOf);
    await Promise.all([...byKey.values()].map((group) => this.#handleInOrder(group, sql)));
  }

  async #handleInOrder(events: readonly RecordedEvent<Types>[], sql: Sql): Promise<void> {
    const { on, tables, version } = this.#projection;
    for (const event of events) {
      const handle = on[event.type] as
        | ((event: RecordedEvent<Types>, context: ProjectionContext<Name>) => Promise<unknown>)
        | undefined;
      // A fragment belongs to one statement, so each use makes a new one.
      const fragments = {} as Record<Name, SqlFragment>;
      for (const table of Object.keys(tables) as Name[]) {
        Object.defineProperty(fragments, table, { get: () => sql.identifier(`${table}_v${version}`) });
      }
      await handle?.(event, { sql, tables: fragments });
    }
  }
}
