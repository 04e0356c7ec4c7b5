import type { TestContext } from 'node:test';
import { contract, type Schema } from '@banyan/contract';
import { silentLogger } from '@banyan/core';
import { defineFeedReader, type FeedEntry, type FeedReaderOptions, type ReaderHost } from '@banyan/feeds';
import { migrate, type PostgresDatabase, platformMigrations } from '@banyan/postgres';
import type { Metrics } from '@banyan/telemetry';
import { createTestDatabase } from '@banyan/testing';

const readingService = contract('reading', { version: '1.0.0', operations: {} });
type Reading = typeof readingService;
type Options = Partial<Omit<FeedReaderOptions<Reading, Schema, Schema>, 'handle'>>;

export interface ReaderBench {
  readonly database: PostgresDatabase;
  /** One instance of the reading service; instances share the database. */
  instance(
    options: Options & { readonly url: string; readonly before?: BeforeEffect; readonly metrics?: Metrics },
  ): ReaderInstance;
  /** Ids of the entries that took effect, in order. */
  effects(): Promise<string[]>;
  /** As after an instance was killed and its lease has run out. */
  expireLease(): Promise<void>;
}

export type BeforeEffect = (entry: FeedEntry, signal: AbortSignal) => Promise<void> | void;

export interface ReaderInstance {
  readonly reader: ReturnType<typeof defineFeedReader<Reading>>;
  readonly host: ReaderHost<Reading, unknown>;
  /** The service stops. */
  readonly stop: AbortController;
  poll(): ReturnType<ReturnType<typeof defineFeedReader<Reading>>['poll']>;
}

/** Readers with a database and without the rest of a service. */
export async function createReaderBench(t: TestContext): Promise<ReaderBench> {
  const { database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.service, { scope: 'banyan' });
  await database.sql`create table effect (number bigint generated always as identity primary key, entry_id text)`;
  return {
    database,
    instance({ before, metrics, ...options }) {
      const stop = new AbortController();
      const reader = defineFeedReader(readingService, 'orders', {
        ...options,
        async handle(entry, { sql, signal }) {
          await sql`insert into effect (entry_id) values (${entry.id})`;
          await before?.(entry, signal);
        },
      });
      const host: ReaderHost<Reading, unknown> = {
        sql: database.sql,
        tx: (work, limits) =>
          database.tx((transaction) => work({ ...transaction, emit: () => {} }), {
            signal: stop.signal,
            ...limits,
          }),
        config: undefined,
        log: silentLogger,
        signal: stop.signal,
        ...(metrics === undefined ? undefined : { processMetrics: metrics }),
      };
      return { reader, host, stop, poll: () => reader.poll(host) };
    },
    async effects() {
      const rows = await database.sql<{ entryId: string }>`select entry_id from effect order by number`;
      return rows.map(({ entryId }) => entryId);
    },
    async expireLease() {
      await database.sql`update banyan.feed_reader set leased_until = clock_timestamp() - interval '1 second'`;
    },
  };
}
