import { type Sql, sqlObserver } from '@banyan/core';

/** What somebody puts into a feed. */
export interface NewEntry {
  /** Unique in the feed, and the same if it is put there again: the id of an event, for example. */
  readonly id: string;
  readonly title: string;
  /** Default: the title. */
  readonly summary?: string;
  /** The resource that the entry tells of: a path of the same site (`/orders/42`), or an absolute URL. */
  readonly href?: string;
  /** Entries of one key are about one thing; a reader handles them in their order. */
  readonly key?: string;
  /** JSON value that readers may ask to have embedded. */
  readonly content?: unknown;
}

export interface StoredEntry {
  readonly sequence: number;
  readonly entryId: string;
  /** RFC 3339 UTC. Later entries have no earlier time. */
  readonly updatedAt: string;
  readonly title: string;
  readonly summary: string;
  readonly href: string | null;
  readonly key: string | null;
  readonly content: unknown;
  /** Of the trace that it was appended in; null if none was recorded. */
  readonly traceparent: string | null;
}

/** The state of a feed. Seconds are counted from 1970, as HTTP dates name them. */
export interface FeedHead {
  readonly pageSize: number;
  /** Of the oldest entry that is kept; 1 if there is none. */
  readonly firstSequence: number;
  /** Of the newest entry; 0 if there is none. */
  readonly lastSequence: number;
  readonly updatedAt: string;
  readonly updatedSecond: number;
  /** The newest second that an answer has named as its `Last-Modified`. */
  readonly answeredSecond: number;
  readonly nowSecond: number;
}

/**
 * One feed in the database of its service.
 *
 * **No entry is lost to the resolution of HTTP dates.** A client that has seen `Last-Modified: S` and asks with it gets 304 only if no
 * entry may be later than what it saw. So before an answer names second S, S is written into the feed's row under the lock that
 * entries are numbered under: whatever comes later is dated S + 1 or more. Two orders in one second, one on either side of a
 * poll, thus differ in `Last-Modified`. An entry is so dated at most one second ahead, and never named before its time has come:
 * until then `Last-Modified` stays at S, and asking with it is answered in full.
 */
export interface FeedStore {
  /** Appends the entries whose ids are new, in order, in the transaction of `sql`; resolves with how many. Holds the feed's lock until its end. */
  append(sql: Sql, entries: readonly NewEntry[]): Promise<number>;
  head(sql: Sql): Promise<FeedHead>;
  /** Makes the newest second nameable as `Last-Modified`; waits for a transaction that is appending. */
  seal(sql: Sql): Promise<FeedHead>;
  /**
   * Forgets archive pages whose newest entry is older than this, oldest pages first, one in each statement; resolves with how many entries
   * they had. Keeps what the newest document shows.
   */
  prune(sql: Sql, olderThanMs: number): Promise<number>;
  /** Entries `first` to `last`, both inclusive, oldest first. */
  entries(sql: Sql, range: { readonly first: number; readonly last: number }): Promise<StoredEntry[]>;
}

export function createFeedStore(name: string, pageSize: number): FeedStore {
  return new DatabaseFeedStore(name, pageSize);
}

class DatabaseFeedStore implements FeedStore {
  readonly #name: string;
  readonly #pageSize: number;

  constructor(name: string, pageSize: number) {
    this.#name = name;
    this.#pageSize = pageSize;
  }

  async append(sql: Sql, entries: readonly NewEntry[]): Promise<number> {
    if (entries.length === 0) return 0;
    // A statement of its own: what the next one reads then includes all that was appended before the lock was free.
    await this.#lock(sql);
    const column = (read: (entry: NewEntry) => string | undefined) =>
      sql.array(
        entries.map((entry) => toStorable(read(entry))),
        'text',
      );
    const [row] = await sql<{ added: number }>`
      with given as (
        select distinct on (id) id, title, summary, href, key, content, number
        from unnest(
          ${column(({ id }) => id)}, ${column(({ title }) => title)},
          ${column(({ title, summary }) => summary ?? title)}, ${column(({ href }) => href)},
          ${column(({ key }) => key)}, ${column(({ content }) => JSON.stringify(content ?? null))}
        ) with ordinality as given (id, title, summary, href, key, content, number)
        order by id, number
      ),
      fresh as (
        select given.*, row_number() over (order by number) as step from given
        where not exists (select from banyan.feed_entry where feed = ${this.#name} and entry_id = given.id)
      ),
      moved as (
        update banyan.feed set
          last_sequence = last_sequence + (select count(*) from fresh),
          updated_at = greatest(clock_timestamp(), updated_at, answered_second + interval '1 second')
        where name = ${this.#name} and exists (select from fresh)
        returning updated_at, last_sequence - (select count(*) from fresh) as before
      ),
      added as (
        insert into banyan.feed_entry
          (feed, sequence, entry_id, updated_at, title, summary, href, key, content, traceparent)
        select ${this.#name}, before + step, id, updated_at, title, summary, href, key, content::json,
          ${sql[sqlObserver]?.traceparent ?? null}
        from fresh, moved
        returning 1
      )
      select count(*) as added from added`;
    return row?.added ?? 0;
  }

  async #lock(sql: Sql): Promise<void> {
    const lock = () => sql`select from banyan.feed where name = ${this.#name} for update`;
    if ((await lock()).length > 0) return;
    await this.#create(sql);
    await lock();
  }

  async #create(sql: Sql): Promise<void> {
    await sql`
      insert into banyan.feed (name, page_size, updated_at, answered_second)
      values (${this.#name}, ${this.#pageSize}, clock_timestamp(),
        date_trunc('second', clock_timestamp()) - interval '1 second')
      on conflict (name) do nothing`;
  }

  async head(sql: Sql): Promise<FeedHead> {
    const read = () => sql<FeedHead>`select ${columns(sql)} from banyan.feed where name = ${this.#name}`;
    const [head] = await read();
    if (head !== undefined) return head;
    await this.#create(sql);
    return only(await read());
  }

  async seal(sql: Sql): Promise<FeedHead> {
    return only(
      await sql<FeedHead>`
        update banyan.feed set answered_second = greatest(
          answered_second, date_trunc('second', least(updated_at, clock_timestamp()))
        )
        where name = ${this.#name}
        returning ${columns(sql)}`,
    );
  }

  async prune(sql: Sql, olderThanMs: number): Promise<number> {
    for (let pruned = 0; ; ) {
      const [page] = await sql<{ count: number }>`
        with oldest as (
          select (min(e.sequence) - 1) / f.page_size * f.page_size + f.page_size as last
          from banyan.feed f join banyan.feed_entry e on e.feed = f.name
          where f.name = ${this.#name}
          group by f.page_size, f.last_sequence
          having (min(e.sequence) - 1) / f.page_size < f.last_sequence / f.page_size - 1
        ),
        deleted as (
          delete from banyan.feed_entry
          where feed = ${this.#name} and sequence <= (
            select last from oldest join banyan.feed_entry e on e.feed = ${this.#name} and e.sequence = oldest.last
            where e.updated_at < clock_timestamp() - ${olderThanMs} * interval '1 millisecond'
          )
          returning 1
        )
        select count(*) as count from deleted`;
      if (page === undefined || page.count === 0) return pruned;
      pruned += page.count;
    }
  }

  entries(
    sql: Sql,
    { first, last }: { readonly first: number; readonly last: number },
  ): Promise<StoredEntry[]> {
    return sql<StoredEntry>`
      select sequence, entry_id, updated_at, title, summary, href, key, content, traceparent
      from banyan.feed_entry
      where feed = ${this.#name} and sequence between ${first} and ${last}
      order by sequence`;
  }
}

/** PostgreSQL stores neither NUL nor half a surrogate pair as text. */
function toStorable(text: string | undefined): string | null {
  return text === undefined ? null : text.replaceAll('\0', '\ufffd').toWellFormed();
}

function columns(sql: Sql) {
  return sql`
    page_size, last_sequence, updated_at,
    coalesce((select min(sequence) from banyan.feed_entry where feed = name), 1) as first_sequence,
    floor(extract(epoch from updated_at))::int8 as updated_second,
    extract(epoch from answered_second)::int8 as answered_second,
    floor(extract(epoch from clock_timestamp()))::int8 as now_second`;
}

function only(rows: readonly FeedHead[]): FeedHead {
  const [head] = rows;
  // Whoever drops platform tables under a running service hears of it here.
  if (head === undefined) throw new TypeError('The row of the feed has vanished from banyan.feed.');
  return head;
}
