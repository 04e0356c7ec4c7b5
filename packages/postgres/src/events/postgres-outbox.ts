import type { Database, Sql } from '@banyan/core';
import { type CloudEvent, encodeEvent, type Outbox, orderingKeyOf, type Transfer } from '@banyan/events';
import { freshPlan } from './fresh-plan.ts';

/** The outbox of one service, in its own database. Needs the tables of `migrations/service`. */
export function createPostgresOutbox(database: Database): Outbox {
  return new PostgresOutbox(database);
}

/** First half of the two-part advisory lock keys, so that ours meet nobody else's. */
const appendLockSpace = 0x62_6e_61; // 'bna'
const relayLock = { space: 0x62_6e_72, key: 0 }; // 'bnr'
const pruneStep = 5_000;

interface OutboxRow {
  readonly isFree: boolean;
  readonly seq: number | null;
  readonly event: CloudEvent | null;
}

class PostgresOutbox implements Outbox {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * The lock on each key is held until the commit, and `seq` is drawn under it: so within a key the order of `seq` is the order of commits,
   * and whoever sees a row sees every earlier one of its key. That is all that reading needs; no horizon that a forgotten transaction
   * somewhere could hold back. Locks are taken in one order, else two transactions could wait for each other.
   */
  async append(sql: Sql, events: readonly CloudEvent[]): Promise<void> {
    if (events.length === 0) return;
    const texts = events.map(encodeEvent);
    const keys = events.map(orderingKeyOf);
    await sql`
      with locks as materialized (
        select count(pg_advisory_xact_lock(${appendLockSpace}::int4, hash)) as held
        from (select distinct hashtext(key) as hash from unnest(${sql.array(keys, 'text')}) as k (key) order by 1) as hashes
      )
      insert into banyan.outbox (event)
      select event::json
      from unnest(${sql.array(texts, 'text')}) with ordinality as e (event, number), locks
      where locks.held > 0
      order by e.number`;
  }

  transfer(limit: number, publish: (events: readonly CloudEvent[]) => Promise<void>): Promise<Transfer> {
    return this.#database.tx(async ({ sql }) => {
      const rows = await sql<OutboxRow>`
        with relay as materialized (
          select pg_try_advisory_xact_lock(${relayLock.space}::int4, ${relayLock.key}::int4) as is_free
        )
        select relay.is_free, batch.seq, batch.event
        from relay left join lateral (
          select seq, event from banyan.outbox where published_at is null order by seq limit ${limit}
        ) as batch on relay.is_free ${freshPlan}`;
      if (rows[0]?.isFree !== true) return { busy: true, published: 0 };
      const seqs: number[] = [];
      const events: CloudEvent[] = [];
      for (const { seq, event } of rows) {
        if (seq === null || event === null) continue;
        seqs.push(seq);
        events.push(event);
      }
      if (events.length === 0) return { busy: false, published: 0 };
      await publish(events);
      await sql`
        update banyan.outbox set published_at = clock_timestamp()
        where seq = any(${sql.array(seqs, 'int8')}) and published_at is null ${freshPlan}`;
      return { busy: false, published: events.length };
    });
  }

  async backlog(): Promise<{ readonly count: number; readonly oldestAgeMs: number }> {
    const [row] = await this.#database.sql<{ count: number; oldestAgeMs: number }>`
      select count(*)::int8 as count,
        coalesce(greatest(0, extract(epoch from clock_timestamp() - min(appended_at)) * 1000), 0)::float8 as oldest_age_ms
      from banyan.outbox where published_at is null`;
    return row ?? { count: 0, oldestAgeMs: 0 };
  }

  async prune(olderThanMs: number): Promise<number> {
    let total = 0;
    for (;;) {
      const [row] = await this.#database.sql<{ count: number }>`
        with old as (
          select seq from banyan.outbox
          where published_at < clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond'
          limit ${pruneStep} ${freshPlan} for update skip locked
        ), gone as (
          delete from banyan.outbox using old where outbox.seq = old.seq returning 1
        )
        select count(*)::int8 as count from gone`;
      const count = row?.count ?? 0;
      total += count;
      if (count < pruneStep) return total;
    }
  }
}
