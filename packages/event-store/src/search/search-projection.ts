import { isServiceError, type Logger, type Transaction, type TransactionOptions } from '@banyan/core';
import { forgetSubscription, type SubscriptionLag } from '../checkpoints.ts';
import { eventStoreError } from '../errors.ts';
import type { EventStore, RecordedEvent } from '../event-store.ts';
import type { EventTypes } from '../event-types.ts';
import { createWatchedSubscription, type Subscription, type SubscriptionDatabase } from '../subscription.ts';
import type {
  DocumentValues,
  IndexVersion,
  SearchDocument,
  SearchEngine,
  SearchFields,
  SearchRequest,
  SearchResult,
} from './search-index.ts';

/** An index whose documents are made of events: one document for each stream, under the stream's name. */
export interface SearchProjection<Types extends EventTypes, Fields extends SearchFields> {
  /** Small letters, digits and `_`. */
  readonly name: string;
  /** Raise it whenever `fields` or `evolve` change: the new version is built beside the live one. */
  readonly version: number;
  readonly fields: Fields;
  readonly types: readonly (keyof Types & string)[];
  /** The document after an event, given the one before it; undefined for none. A pure function. */
  readonly evolve: (
    document: DocumentValues<Fields> | undefined,
    event: RecordedEvent<Types>,
  ) => DocumentValues<Fields> | undefined;
}

/** @throws TypeError, with the fix in the text, if a name or the version cannot be used */
export function defineSearchProjection<Types extends EventTypes, const Fields extends SearchFields>(
  _events: Types,
  projection: SearchProjection<Types, Fields>,
): SearchProjection<Types, Fields> {
  const { name, version, fields } = projection;
  if (!/^[a-z][a-z0-9_]{0,50}$/.test(name) || /_v\d+$/.test(name)) {
    throw new TypeError(
      `defineSearchProjection('${name}'): use small letters, digits and '_', and no '_v1' at the end.`,
    );
  }
  if (!Number.isInteger(version) || version < 1) {
    throw new TypeError(`defineSearchProjection('${name}'): 'version' is a whole number from 1.`);
  }
  for (const field of Object.keys(fields)) {
    if (!/^[A-Za-z][A-Za-z0-9_]{0,60}$/.test(field)) {
      throw new TypeError(
        `defineSearchProjection('${name}'): name the field '${field}' with letters and digits.`,
      );
    }
  }
  return projection;
}

/** How {@link createSearchProjection} reads the log, and where it writes. */
export interface SearchProjectionOptions {
  /** Keeps the place in the log. */
  readonly database: SubscriptionDatabase<Transaction>;
  readonly engine: SearchEngine;
  /** See `SubscriptionOptions`. */
  readonly pageSize?: number;
  readonly leaseMs?: number;
  readonly pollMs?: number;
  readonly overdueAfterMs?: number;
  readonly logger?: Logger;
}

/** The one who writes the index. Readers get `search` alone. */
export interface RunningSearchProjection<Fields extends SearchFields> {
  /**
   * Follows the log until `signal` aborts, and makes this version the live one when it has caught up. The engine has its own transactions: after a
   * crash the same events come again, and those whose revision is in the document already change nothing. An index that the engine has lost is built
   * anew from the start of the log, within seconds, whether or not events come.
   */
  run(signal: AbortSignal): Promise<void>;
  search(request: SearchRequest<Fields>): Promise<SearchResult<Fields>>;
  /** How far the version of this code is behind: a metric, and what an alarm watches. */
  lag(): Promise<SubscriptionLag>;
  readonly lastError: unknown;
}

/** Writes `projection` into the search engine of `options`. Does no I/O until `run`; searches reject as {@link SearchEngine} says. */
export function createSearchProjection<Types extends EventTypes, Fields extends SearchFields>(
  store: EventStore<Types>,
  projection: SearchProjection<Types, Fields>,
  options: SearchProjectionOptions,
): RunningSearchProjection<Fields> {
  return new IndexProjection(store, projection, options);
}

const lookIntervalMs = 5_000;

class IndexProjection<Types extends EventTypes, Fields extends SearchFields>
  implements RunningSearchProjection<Fields>
{
  readonly #projection: SearchProjection<Types, Fields>;
  readonly #engine: SearchEngine;
  readonly #database: SubscriptionDatabase<Transaction>;
  readonly #subscription: Subscription;
  readonly #index: IndexVersion;
  #isLive = false;
  /** When to look next whether the index is still there. */
  #lookAtMs = 0;
  /** As of the last time that the engine answered. */
  #liveVersion: number;

  constructor(
    store: EventStore<Types>,
    projection: SearchProjection<Types, Fields>,
    options: SearchProjectionOptions,
  ) {
    this.#projection = projection;
    this.#engine = options.engine;
    this.#index = projection;
    this.#liveVersion = projection.version;
    this.#database = options.database;
    const { sql, watch } = options.database;
    const subscription = {
      ...options,
      database: {
        sql,
        tx: this.#tx.bind(this),
        ...(watch !== undefined && { watch: watch.bind(options.database) }),
      },
      name: subscriptionOf(projection.name, projection.version),
      filter: { types: projection.types },
      handle: (events: readonly RecordedEvent<Types>[]) => this.#handle(events),
      onCaughtUp: () => this.#goLive(),
    };
    this.#subscription = createWatchedSubscription(store, subscription, {
      name: `search:${projection.name}`,
      seen: () => this.#seen(),
    });
  }

  get lastError(): unknown {
    return this.#subscription.lastError;
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await this.#engine.has(this.#index)) await this.#engine.prepare(this.#index);
    else await this.#beginAnew();
    await this.#subscription.run(signal);
  }

  async search(request: SearchRequest<Fields>): Promise<SearchResult<Fields>> {
    return (await this.#engine.search(this.#index, request as SearchRequest)) as SearchResult<Fields>;
  }

  lag(): Promise<SubscriptionLag> {
    return this.#subscription.lag();
  }

  /** An engine that is away must not hide how far it is behind. */
  async #seen(): Promise<string> {
    const { name, version } = this.#projection;
    await this.#engine.liveVersion(name).then(
      (live) => {
        this.#liveVersion = live ?? version;
      },
      () => {},
    );
    return subscriptionOf(name, this.#liveVersion);
  }

  /** An index that is gone is made anew when nothing is open that its place in the log would have to wait for. */
  async #tx<Result>(
    work: (tx: Transaction) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result> {
    try {
      return await this.#database.tx(work, options);
    } catch (error) {
      if (isServiceError(error) && error.reason === 'search_index_lost') await this.#beginAnew();
      throw error;
    }
  }

  /** From the start of the log. First its place is forgotten, which also stops whoever else writes: an index that is there has all that its place says. */
  async #beginAnew(): Promise<void> {
    const { name, version } = this.#projection;
    await forgetSubscription(this.#database.sql, subscriptionOf(name, version));
    await this.#engine.prepare(this.#index);
    this.#isLive = false;
  }

  async #goLive(): Promise<void> {
    if (this.#isLive) {
      const nowMs = performance.now();
      if (nowMs < this.#lookAtMs) return;
      this.#lookAtMs = nowMs + lookIntervalMs;
      if (await this.#engine.has(this.#index)) return;
      await this.#beginAnew();
      throw eventStoreError('search_index_lost');
    }
    const live = await this.#engine.liveVersion(this.#index.name);
    if (live === undefined || live < this.#index.version) {
      await this.#engine.refresh(this.#index);
      await this.#engine.switchTo(this.#index);
    }
    this.#isLive = true;
  }

  async #handle(events: readonly RecordedEvent<Types>[]): Promise<void> {
    const byStream = Map.groupBy(events, ({ stream }) => stream);
    const before = await this.#engine.get(this.#index, [...byStream.keys()]);
    const documents: SearchDocument[] = [];
    for (const [id, list] of byStream) {
      const known = before.get(id);
      let values = known?.values as DocumentValues<Fields> | undefined;
      let revision = known?.revision ?? -1;
      for (const event of list) {
        // In the document already: written before a crash that the checkpoint did not survive.
        if (event.revision <= revision) continue;
        values = this.#projection.evolve(values, event);
        revision = event.revision;
      }
      if (revision > (known?.revision ?? -1)) documents.push({ id, revision, values });
    }
    await this.#engine.put(this.#index, documents);
  }
}

function subscriptionOf(name: string, version: number): string {
  return `search:${name}_v${version}`;
}
