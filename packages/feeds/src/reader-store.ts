import type { Sql } from '@banyan/core';
import { feedsError } from './errors.ts';
import type { ParsedEntry } from './parsed-page.ts';

/** The right to poll, with the position that the reader has reached. */
export interface ReaderLease {
  readonly token: string;
  readonly url: string;
  readonly etag: string | null;
  readonly lastModified: string | null;
  /** Where an interrupted walk into the archive goes on. */
  readonly walkUrl: string | null;
  readonly walkEtag: string | null;
  readonly walkLastModified: string | null;
  readonly walk: number;
  readonly walkPosition: number;
  /** Since the last poll by any instance; null if there was none. */
  readonly sincePollMs: number | null;
}

export interface WaitingEntry {
  readonly entryId: string;
  readonly version: number;
  readonly entry: ParsedEntry;
  readonly failures: number;
  readonly deferrals: number;
  readonly sinceFirstAttemptMs: number;
}

export interface Ingestion {
  readonly entries: readonly ParsedEntry[];
  readonly walk: number;
  /** Of the first entry; later ones count down. */
  readonly position: number;
}

export interface WalkState {
  /** Undefined at the end of the walk: its validators are then those of the next poll. */
  readonly next: string | undefined;
  readonly etag: string | null;
  readonly lastModified: string | null;
}

export interface EntryFailure {
  readonly kind: 'failure' | 'deferral' | 'dead';
  readonly reason: string;
  readonly retryAfterMs: number;
}

export interface FeedReaderStatus {
  /** RFC 3339 UTC; null if it never was. */
  readonly lastPolledAt: string | null;
  /** When a poll last brought something new. */
  readonly lastChangedAt: string | null;
  /** Of the newest poll; null if that succeeded. */
  readonly lastError: string | null;
  readonly lastFailedAt: string | null;
  /** Entries that are neither handled nor dead. */
  readonly pending: number;
  readonly dead: number;
  /** Since the oldest pending entry was received; 0 if there is none. */
  readonly oldestPendingAgeMs: number;
  /** A walk into the archive is on its way. */
  readonly isCatchingUp: boolean;
}

export interface DeadEntry {
  readonly id: string;
  readonly title: string;
  readonly reason: string;
  readonly attempts: number;
  readonly deadAt: string;
}

const leaseMs = 60_000;

/** What one reader knows and has not handled yet, in the database of its service. */
export class ReaderStore {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /** The lease, if nobody else holds it. A position of another address is not ours, but what was handled stays known. */
  async acquire(sql: Sql, url: string): Promise<ReaderLease | undefined> {
    await sql`insert into banyan.feed_reader (name, url) values (${this.#name}, ${url}) on conflict (name) do nothing`;
    const [lease] = await sql<ReaderLease>`
      update banyan.feed_reader set
        url = ${url},
        etag = case when url = ${url} then etag end,
        last_modified = case when url = ${url} then last_modified end,
        walk_url = case when url = ${url} then walk_url end,
        lease_token = gen_random_uuid(),
        leased_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
      where name = ${this.#name} and (leased_until is null or leased_until < clock_timestamp())
      returning lease_token as token, url, etag, last_modified, walk_url, walk_etag, walk_last_modified, walk,
        walk_position,
        extract(epoch from clock_timestamp() - greatest(polled_at, failed_at))::float8 * 1000 as since_poll_ms`;
    return lease;
  }

  async release(sql: Sql, token: string): Promise<void> {
    await sql`
      update banyan.feed_reader set leased_until = null where name = ${this.#name} and lease_token = ${token}`;
  }

  /** Stores entries that are not known yet, in the caller's transaction; resolves with how many. */
  async ingest(sql: Sql, { entries, walk, position }: Ingestion): Promise<number> {
    const column = (read: (entry: ParsedEntry) => string) => sql.array(entries.map(read), 'text');
    const added = await sql`
      insert into banyan.feed_reader_entry (reader, entry_id, version, walk, position, key, entry)
      select ${this.#name}, id, version::int8, ${walk}, ${position} - number, key, entry::json
      from unnest(
        ${column(({ id }) => id)}, ${column(({ version }) => String(version))},
        ${column(({ id, key }) => key ?? id)}, ${column((entry) => JSON.stringify(entry))}
      ) with ordinality as given (id, version, key, entry, number)
      on conflict (reader, entry_id, version) do nothing
      returning 1`;
    return added.length;
  }

  /** @throws ServiceError `aborted` `feed_lease_lost` */
  async saveWalk(
    sql: Sql,
    token: string,
    state: WalkState & { readonly walk: number; readonly position: number },
  ): Promise<void> {
    const { next = null, etag, lastModified, walk, position } = state;
    const isDone = next === null;
    const held = await sql`
      update banyan.feed_reader set
        walk = ${walk}, walk_position = ${position}, walk_url = ${next},
        walk_etag = ${isDone ? null : etag}, walk_last_modified = ${isDone ? null : lastModified},
        etag = case when ${isDone}::boolean then ${etag} else etag end,
        last_modified = case when ${isDone}::boolean then ${lastModified} else last_modified end,
        leased_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
      where name = ${this.#name} and lease_token = ${token}
      returning 1`;
    if (held.length === 0) throw leaseLost(this.#name);
  }

  /** True if an earlier walk brought something. */
  async hasReadBefore(sql: Sql, walk: number): Promise<boolean> {
    const [earlier] = await sql`
      select 1 from banyan.feed_reader_entry where reader = ${this.#name} and walk < ${walk} limit 1`;
    return earlier !== undefined;
  }

  async abandonWalk(sql: Sql): Promise<boolean> {
    const ended = await sql`
      update banyan.feed_reader set
        walk_url = null, etag = walk_etag, last_modified = walk_last_modified, lease_token = null
      where name = ${this.#name} and walk_url is not null
      returning 1`;
    return ended.length > 0;
  }

  async polled(
    sql: Sql,
    token: string,
    outcome: { readonly error?: string; readonly received: number },
  ): Promise<void> {
    const { error = null, received } = outcome;
    await sql`
      update banyan.feed_reader set
        polled_at = case when ${error}::text is null then clock_timestamp() else polled_at end,
        changed_at = case when ${received}::int8 > 0 then clock_timestamp() else changed_at end,
        failed_at = case when ${error}::text is null then failed_at else clock_timestamp() end,
        last_error = ${error}
      where name = ${this.#name} and lease_token = ${token}`;
  }

  /** By the database's clock, as all times of a reader are. */
  async now(sql: Sql): Promise<string> {
    const [row] = await sql<{ now: string }>`select clock_timestamp() as now`;
    return row?.now ?? '';
  }

  /** Entries that might be handled at `asOf`, oldest first: of each key the oldest one only, and none behind a dead one. */
  due(sql: Sql, asOf: string, limit: number): Promise<WaitingEntry[]> {
    return sql<WaitingEntry>`
      select entry_id, version, entry, failures, deferrals,
        coalesce(extract(epoch from clock_timestamp() - first_attempt_at)::float8 * 1000, 0) as since_first_attempt_ms
      from banyan.feed_reader_entry e
      where ${this.#isHead(sql)} and ready_at <= ${asOf}
      order by walk, position limit ${limit}`;
  }

  /** Time until something may be handled; undefined if nothing waits. */
  async nextReadyMs(sql: Sql): Promise<number | undefined> {
    const [row] = await sql<{ waitMs: number | null }>`
      select extract(epoch from min(ready_at) - clock_timestamp())::float8 * 1000 as wait_ms
      from banyan.feed_reader_entry e where ${this.#isHead(sql)}`;
    return row?.waitMs === null || row?.waitMs === undefined ? undefined : Math.max(0, row.waitMs);
  }

  #isHead(sql: Sql) {
    return sql`
      e.reader = ${this.#name} and e.entry is not null and e.dead_at is null and not exists (
        select from banyan.feed_reader_entry before
        where before.reader = e.reader and before.key = e.key and before.entry is not null
          and (before.walk, before.position) < (e.walk, e.position)
      )
      -- Of a walk that is not at its end, older entries are still to come.
      and not exists (
        select from banyan.feed_reader r where r.name = e.reader and r.walk_url is not null and r.walk <= e.walk
      )`;
  }

  /** Marks an entry as handled, in the handler's transaction. @throws ServiceError `aborted` `feed_lease_lost` */
  async complete(sql: Sql, token: string, { entryId, version }: WaitingEntry): Promise<void> {
    const done = await sql`
      with held as (${this.#hold(sql, token)})
      update banyan.feed_reader_entry set entry = null, reason = null
      where reader = ${this.#name} and entry_id = ${entryId} and version = ${version}
        and entry is not null and exists (select from held)
      returning 1`;
    if (done.length === 0) throw leaseLost(this.#name);
  }

  /** Notes that an entry was not handled. @throws ServiceError `aborted` `feed_lease_lost` */
  async fail(
    sql: Sql,
    token: string,
    { entryId, version }: WaitingEntry,
    failure: EntryFailure,
  ): Promise<void> {
    const { kind, reason, retryAfterMs } = failure;
    const noted = await sql`
      with held as (${this.#hold(sql, token)})
      update banyan.feed_reader_entry set
        failures = failures + ${kind === 'deferral' ? 0 : 1},
        deferrals = deferrals + ${kind === 'deferral' ? 1 : 0},
        first_attempt_at = coalesce(first_attempt_at, clock_timestamp()),
        ready_at = clock_timestamp() + ${retryAfterMs} * interval '1 millisecond',
        dead_at = case when ${kind === 'dead'}::boolean then clock_timestamp() end,
        reason = ${reason}
      where reader = ${this.#name} and entry_id = ${entryId} and version = ${version}
        and entry is not null and exists (select from held)
      returning 1`;
    // Unchanged it would be due again at once.
    if (noted.length === 0) throw leaseLost(this.#name);
  }

  #hold(sql: Sql, token: string) {
    return sql`
      update banyan.feed_reader set leased_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
      where name = ${this.#name} and lease_token = ${token}
      returning 1`;
  }

  async status(sql: Sql): Promise<FeedReaderStatus> {
    const [row] = await sql<FeedReaderStatus>`
      select r.polled_at as last_polled_at, r.changed_at as last_changed_at, r.last_error, r.failed_at as last_failed_at, r.walk_url is not null as is_catching_up,
        count(e.entry) filter (where e.dead_at is null) as pending, count(e.dead_at) as dead,
        coalesce(
          extract(epoch from clock_timestamp() - min(e.received_at) filter (where e.dead_at is null))::float8 * 1000, 0
        ) as oldest_pending_age_ms
      from banyan.feed_reader r
      left join banyan.feed_reader_entry e on e.reader = r.name and e.entry is not null
      where r.name = ${this.#name}
      group by r.name`;
    return row ?? neverPolled;
  }

  deadEntries(sql: Sql, limit: number): Promise<DeadEntry[]> {
    return sql<DeadEntry>`
      select entry_id as id, coalesce(entry ->> 'title', '') as title, reason, failures + deferrals as attempts, dead_at
      from banyan.feed_reader_entry
      where reader = ${this.#name} and entry is not null and dead_at is not null
      order by dead_at limit ${limit}`;
  }

  async retryDead(sql: Sql, ids: readonly string[]): Promise<number> {
    const rows = await sql`
      update banyan.feed_reader_entry set
        dead_at = null, failures = 0, deferrals = 0, first_attempt_at = null, ready_at = clock_timestamp()
      where reader = ${this.#name} and entry_id = any(${sql.array(ids, 'text')})
        and entry is not null and dead_at is not null
      returning 1`;
    return rows.length;
  }

  async discardDead(sql: Sql, ids: readonly string[]): Promise<number> {
    const rows = await sql`
      update banyan.feed_reader_entry set entry = null
      where reader = ${this.#name} and entry_id = any(${sql.array(ids, 'text')})
        and entry is not null and dead_at is not null
      returning 1`;
    return rows.length;
  }
}

const neverPolled: FeedReaderStatus = {
  lastPolledAt: null,
  lastChangedAt: null,
  lastError: null,
  lastFailedAt: null,
  pending: 0,
  dead: 0,
  oldestPendingAgeMs: 0,
  isCatchingUp: false,
};

function leaseLost(name: string): Error {
  return feedsError('feed_lease_lost', { message: `Another instance polls the feed of '${name}' now.` });
}
