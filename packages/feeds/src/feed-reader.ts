import type { Contract, OutputOf, Schema } from '@banyan/contract';
import type { Sql } from '@banyan/core';
import type { PollResult } from './poll-session.ts';
import { createPoller } from './poller.ts';
import type { FeedReaderOptions, ReaderHost } from './reader-options.ts';
import { type DeadEntry, type FeedReaderStatus, ReaderStore } from './reader-store.ts';

/**
 * Polls one feed and handles each entry exactly once (polling consumer, idempotent receiver). What was received and handled stands in
 * the database of the service that reads.
 */
export interface FeedReader<C extends Contract, Config> {
  readonly name: string;
  /** The background task: polls until the service stops. Of several instances one polls at a time. */
  readonly run: (host: ReaderHost<C, Config>) => Promise<void>;
  /**
   * Polls now, and handles what is new and due; waits for another instance that is at it.
   * @throws ServiceError of the fetch, after what was received before has been handled
   */
  readonly poll: (host: ReaderHost<C, Config>) => Promise<PollResult>;
  status(sql: Sql): Promise<FeedReaderStatus>;
  /**
   * Ends a walk into an archive that cannot go on, because a page is gone for good: what was received is handled, and what lies behind is
   * given up. Resolves with false if no walk is on its way.
   */
  abandonArchive(sql: Sql): Promise<boolean>;
  /** Longest dead first. */
  deadLetters(sql: Sql, limit: number): Promise<readonly DeadEntry[]>;
  /** Resolves with how many of `ids` were dead letters; they are tried anew. */
  retryDeadLetters(sql: Sql, ids: readonly string[]): Promise<number>;
  /** Gives dead letters up for good, so that later entries of their keys go on; resolves with how many. */
  discardDeadLetters(sql: Sql, ids: readonly string[]): Promise<number>;
}

/**
 * Defines a reader of the service that keeps `contract`. Start it with `background: { [name]: reader.run }`.
 * @param name of the reader within the service; what was handled is remembered under it
 * @throws TypeError, with the fix in the text
 */
export function defineFeedReader<
  C extends Contract,
  ConfigSchema extends Schema = Schema,
  Content extends Schema = Schema,
>(
  contract: C,
  name: string,
  options: FeedReaderOptions<C, ConfigSchema, Content>,
): FeedReader<C, OutputOf<ConfigSchema>> {
  const refuse = (why: string) => new TypeError(`defineFeedReader('${contract.name}', '${name}'): ${why}`);
  if (!/^[a-z][a-z0-9-]{0,59}$/.test(name)) throw refuse('name it in kebab-case, at most 60 characters.');
  if ((options.handlerTimeoutMs ?? 0) > 40_000) throw refuse("'handlerTimeoutMs' is at most 40,000.");
  const store = new ReaderStore(name);
  const poller = createPoller({ name, service: contract.name }, options, store);
  return {
    name,
    run: (host) => poller.run(host),
    poll: (host) => poller.poll(host),
    status: (sql) => store.status(sql),
    abandonArchive: (sql) => store.abandonWalk(sql),
    deadLetters: (sql, limit) => store.deadEntries(sql, limit),
    retryDeadLetters: (sql, ids) => store.retryDead(sql, ids),
    discardDeadLetters: (sql, ids) => store.discardDead(sql, ids),
  };
}
