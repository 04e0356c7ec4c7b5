import { type Logger, type Sql, silentLogger } from '@banyan/core';
import {
  type AppendOptions,
  type CloudEvent,
  type Outbox,
  type OutboxBacklog,
  type OutboxCursor,
  type OutboxDeadLetter,
  type OutboxPage,
  type RelayLease,
  toEncodedEvent,
} from '@banyan/events';
import type { PostgresDatabase } from '../database.ts';
import { leaseLost } from './lease-lost.ts';
import { appendDelayed, appendNow, moveDue } from './outbox-append.ts';
import { type EventRow, toCursor, toEncoded, toPlace } from './outbox-cursor.ts';
import { settleOutbox, toHome } from './outbox-home.ts';
import { moveRelay, nothingPublished, pruneOutbox, rewindOutbox, standingOfLog } from './outbox-keeping.ts';
import { type PageHead, readPage } from './outbox-read.ts';
import { WakeChannel } from './wake-channel.ts';

export interface PostgresOutboxOptions {
  readonly logger?: Logger;
  /** Given if the log is the outboxes themselves: nothing waits to be published then, and rows stay for their readers. */
  readonly log?: {
    /** What announcements carry: readers of this process that know it were woken by `wake`. */
    readonly sender: string;
    /** Wakes the readers of this process. */
    wake(): void;
  };
}

/** The outbox of one service, in its own database. Needs the tables of `migrations/service`. Create one a process. */
export function createPostgresOutbox(
  database: PostgresDatabase,
  options: PostgresOutboxOptions = {},
): Outbox {
  return new PostgresOutbox(database, options);
}

/** A message due sooner than this is waited for with a timer of its own; others are met by polling. */
const dueSoonMs = 1_000;
/** A message that is due waits for another mover, or for an open transaction of its key. */
const blockedMs = 20;

class PostgresOutbox implements Outbox {
  readonly #database: PostgresDatabase;
  readonly #logger: Logger;
  readonly #log: PostgresOutboxOptions['log'];
  readonly #channel: WakeChannel;
  readonly #listeners = new Set<() => void>();
  #leasedUntilMs = 0;
  #dueTimer: NodeJS.Timeout | undefined;

  constructor(database: PostgresDatabase, { logger = silentLogger, log }: PostgresOutboxOptions) {
    this.#database = database;
    this.#log = log;
    this.#logger = logger;
    this.#channel = new WakeChannel({
      database,
      logger,
      channel: 'banyan_outbox',
      onWake: () => this.#wake(),
      ...(log === undefined ? undefined : { sender: log.sender }),
    });
  }

  async append(sql: Sql, events: readonly CloudEvent[], options: AppendOptions = {}): Promise<void> {
    if (events.length === 0) return;
    const encoded = events.map(toEncodedEvent);
    if (options.dueAtMs === undefined) await appendNow(sql, encoded);
    else await appendDelayed(sql, encoded, options.dueAtMs);
  }

  async acquire(owner: string, leaseMs: number): Promise<RelayLease | undefined> {
    const askedAtMs = performance.now();
    const [row] = await this.#database.sql<{ token: string }>`
      update banyan.outbox_relay set
        token = case when owner = ${owner} then token else token + 1 end,
        owner = ${owner}, lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
      where owner is null or owner = ${owner} or lease_until < clock_timestamp()
      returning token::text`;
    this.#leasedUntilMs = row === undefined ? 0 : askedAtMs + leaseMs;
    return row === undefined ? undefined : { owner, token: row.token };
  }

  async release({ owner, token }: RelayLease): Promise<void> {
    this.#leasedUntilMs = 0;
    await this.#database.sql`
      update banyan.outbox_relay set owner = null, lease_until = null
      where owner = ${owner} and token = ${token}::int8`;
  }

  async cursor(_lease: RelayLease): Promise<OutboxCursor> {
    const { sql } = this.#database;
    await settleOutbox(sql);
    const [row] = await sql<{ after: string; seen: string; limit: string; home: string }>`
      select after_seq::text as after, seen::text, seen_limit::text as limit, home || '/' || since as home
      from banyan.outbox_relay`;
    const { home = '', ...place } = row ?? {};
    return toCursor({ after: '0', seen: '1:1:', limit: '0', ...place, home: toHome(home), late: undefined });
  }

  async read(after: OutboxCursor, limit: number): Promise<OutboxPage> {
    const { head, page } = await readPage(this.#database.sql, toPlace(after), limit);
    const hasMoved = await this.#moveDue(head);
    return hasMoved ? { ...page, more: true } : page;
  }

  async confirm({ owner, token }: RelayLease, cursor: OutboxCursor): Promise<void> {
    const { after, seen, limit, home } = toPlace(cursor);
    // Not flushed: a crash of the server forgets the newest places, and events are published twice.
    const confirmed = await this.#database.sql`
      update banyan.outbox_relay set
        after_seq = ${after}::int8, seen = ${seen}::pg_snapshot, seen_limit = ${limit}::xid8,
        home = ${home.name}, since = ${home.since}::int8,
        confirmed_at = clock_timestamp()
      where owner = ${owner} and token = ${token}::int8
      returning set_config('synchronous_commit', 'off', true)`;
    if (confirmed.length !== 1)
      throw leaseLost('Another relay has the lease of the outbox, or it was rewound.');
  }

  async bury({ owner, token }: RelayLease, ids: readonly string[], reason: string): Promise<void> {
    const { sql } = this.#database;
    const [row] = await sql<{ isHeld: boolean }>`
      with lease as materialized (
        select after_seq, pg_snapshot_xmin(seen) as xmin from banyan.outbox_relay
        where owner = ${owner} and token = ${token}::int8 for update
      ), gone as (
        delete from banyan.outbox as o using lease
        where o.id::text = any(${sql.array(ids, 'text')}) and (o.seq > lease.after_seq or o.xid >= lease.xmin)
        returning o.*
      ), buried as (
        insert into banyan.outbox_dead (seq, reason, id, topic, key, event_time, event)
        select seq, ${reason}, id, topic, key, event_time, event from gone
      )
      select exists (select from lease) as is_held`;
    if (!row?.isHeld) throw leaseLost('Another relay has the lease of the outbox, or it was rewound.');
  }

  async deadLetters(limit: number): Promise<readonly OutboxDeadLetter[]> {
    const rows = await this.#database.sql<EventRow & { reason: string; deadAt: string }>`
      select id, topic, key, event_time, event, reason, dead_at from banyan.outbox_dead
      order by dead_at, seq limit ${limit}`;
    return rows.map((row) => ({ event: toEncoded(row), reason: row.reason, deadAt: row.deadAt }));
  }

  rewind(since: string): Promise<number> {
    if (this.#log !== undefined) return Promise.reject(nothingPublished());
    return rewindOutbox(this.#database.sql, since);
  }

  async backlog(): Promise<OutboxBacklog> {
    if (this.#log !== undefined) return standingOfLog(this.#database.sql);
    const [row] = await this.#database.sql<OutboxBacklog>`
      with waiting as (
        select o.appended_at from banyan.outbox as o, banyan.outbox_relay as r where o.seq > r.after_seq
        union all
        select o.appended_at from banyan.outbox as o, banyan.outbox_relay as r
        where o.seq <= r.after_seq and o.xid < r.seen_limit and not pg_visible_in_snapshot(o.xid, r.seen)
          and o.xid >= pg_snapshot_xmin(r.seen) and o.seq > r.since
      )
      select count(*)::int8 as count,
        coalesce(greatest(0, extract(epoch from clock_timestamp() - min(appended_at)) * 1000), 0)::float8 as oldest_age_ms,
        (select count(*) from banyan.outbox_delayed)::int8 as delayed,
        (select count(*) from banyan.outbox_dead)::int8 as dead
      from waiting`;
    return row ?? { count: 0, oldestAgeMs: 0, delayed: 0, dead: 0 };
  }

  prune(olderThanMs: number): Promise<number> {
    const { sql } = this.#database;
    return this.#log === undefined ? pruneOutbox(sql, olderThanMs) : moveRelay(sql, olderThanMs);
  }

  async releaseDue(): Promise<number | undefined> {
    const { sql } = this.#database;
    for (;;) {
      const [next] = await sql<{ dueInMs: number | null }>`
        select (extract(epoch from min(due_at) - clock_timestamp()) * 1000)::float8 as due_in_ms from banyan.outbox_delayed`;
      if (next?.dueInMs == null) return undefined;
      if (next.dueInMs > 0 || !(await moveDue(sql))) return Math.max(next.dueInMs, blockedMs);
      this.announce();
    }
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    void this.#channel.listen();
    return () => this.#listeners.delete(listener);
  }

  announce(): void {
    this.#log?.wake();
    // Whoever relays is in this process, and was poked.
    if (performance.now() < this.#leasedUntilMs) return;
    this.#channel.announce();
  }

  async #moveDue({ dueInMs }: PageHead): Promise<boolean> {
    clearTimeout(this.#dueTimer);
    if (dueInMs === null) return false;
    if (dueInMs <= 0) return moveDue(this.#database.sql);
    if (dueInMs < dueSoonMs) this.#dueTimer = setTimeout(() => this.#wake(), dueInMs + 1).unref();
    return false;
  }

  #wake(): void {
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        this.#logger.error('a listener of the outbox failed', { error });
      }
    }
  }
}
