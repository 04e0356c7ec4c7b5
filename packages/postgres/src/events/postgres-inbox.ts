import { type Database, ServiceError, type Sql } from '@banyan/core';
import {
  type Checkpoint,
  type Claim,
  type ClaimRequest,
  type DeadLetter,
  encodeEvent,
  type Failure,
  type Inbox,
  type InboxCounts,
  type Ingestion,
  orderingKeyOf,
} from '@banyan/events';
import { freshPlan } from './fresh-plan.ts';

/** The inbox of one consumer: the service that owns `database`. Needs the tables of `migrations/service`. */
export function createPostgresInbox(database: Database): Inbox {
  return new PostgresInbox(database);
}

const pruneStep = 5_000;

class PostgresInbox implements Inbox {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async checkpoint(log: string): Promise<Checkpoint> {
    const [row] = await this.#database.sql<Checkpoint>`
      select revision, positions from banyan.inbox_checkpoint where log = ${log}`;
    return row ?? { revision: 0, positions: {} };
  }

  /** The row of the checkpoint decides between two readers; everything else in the statement hangs on it. */
  async ingest({ log, from, positions, events }: Ingestion): Promise<Checkpoint | undefined> {
    const revision = from.revision + 1;
    const { sql } = this.#database;
    const [row] = await sql<{ isMoved: boolean }>`
      with moved as (
        insert into banyan.inbox_checkpoint as c (log, revision, positions)
        select ${log}, ${revision}::int8, ${sql.json(positions)}
        where ${from.revision}::int8 = 0 or exists (select from banyan.inbox_checkpoint where log = ${log})
        on conflict (log) do update set revision = excluded.revision, positions = excluded.positions
          where c.revision = ${from.revision}::int8
        returning 1
      ), added as (
        insert into banyan.inbox (event_id, key, event)
        select e.id, e.key, e.event::json
        from unnest(
          ${sql.array(
            events.map((event) => event.id),
            'uuid',
          )},
          ${sql.array(events.map(orderingKeyOf), 'text')},
          ${sql.array(events.map(encodeEvent), 'text')}
        ) with ordinality as e (id, key, event, number), moved
        order by e.number
        on conflict (event_id) do nothing
        returning key
      ), counted as (
        insert into banyan.inbox_key as k (key, pending, ready_at)
        select key, count(*)::int4, clock_timestamp() from added group by key order by key
        on conflict (key) do update set
          pending = k.pending + excluded.pending,
          ready_at = case when k.pending = 0 then excluded.ready_at else k.ready_at end
      )
      select exists (select from moved) as is_moved`;
    return row?.isMoved ? { revision, positions } : undefined;
  }

  /**
   * One statement, so that a connection which breaks leaves no lease behind that nobody knows of. It may meet a key that another worker
   * has finished an event of since the statement's snapshot: PostgreSQL then goes on with the newest row of the key, but would take the
   * finished event from the snapshot. `seen` is the snapshot's row: where the two differ, the key is left to the next claim.
   */
  async claim({ owner, limit, leaseMs }: ClaimRequest): Promise<readonly Claim[]> {
    const claims = await this.#database.sql<Claim>`
      with ready as materialized (
        select k.key
        from banyan.inbox_key as k join banyan.inbox_key as seen on seen.key = k.key and seen.ready_at = k.ready_at
        where k.pending > 0 and k.ready_at <= now() ${freshPlan}
        order by k.ready_at limit ${limit} for update of k skip locked
      )
      update banyan.inbox_key as k set
        token = nextval('banyan.inbox_token'), owner = ${owner},
        ready_at = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond',
        attempts = attempts + 1,
        first_attempt_at = coalesce(first_attempt_at, clock_timestamp())
      from ready cross join lateral (
        select seq, event from banyan.inbox where key = ready.key and finished_at is null order by seq limit 1
      ) as head
      where k.key = ready.key
      returning head.event, head.seq::text as ref, k.token::text, k.attempts as attempt, k.failures, k.deferrals,
        (extract(epoch from clock_timestamp() - k.first_attempt_at) * 1000)::float8 as since_first_attempt_ms`;
    // The update returns them in any order.
    return claims.sort((a, b) => Number(a.ref) - Number(b.ref));
  }

  async complete(claim: Claim, sql: Sql = this.#database.sql): Promise<void> {
    const finished = await sql`
      with ended as (
        update banyan.inbox_key set
          pending = pending - 1, ready_at = clock_timestamp(), token = null, owner = null,
          attempts = 0, failures = 0, deferrals = 0, first_attempt_at = null, reason = null
        where key = ${orderingKeyOf(claim.event)} and token = ${claim.token}::int8
        returning 1
      )
      update banyan.inbox set finished_at = clock_timestamp() from ended where inbox.seq = ${claim.ref}::int8 ${freshPlan}
      returning 1`;
    if (finished.length === 1) return;
    throw new ServiceError('The event was handed to another worker, or is finished already.', {
      code: 'aborted',
      reason: 'lease_lost',
    });
  }

  async fail(claim: Claim, { kind, reason, retryAfterMs }: Failure): Promise<boolean> {
    const isDead = kind === 'dead';
    const ended = await this.#database.sql`
      update banyan.inbox_key set
        ready_at = case when ${isDead}::bool then 'infinity'
          else clock_timestamp() + ${retryAfterMs}::float8 * interval '1 millisecond' end,
        dead_at = case when ${isDead}::bool then clock_timestamp() end,
        failures = failures + ${kind === 'failure' ? 1 : 0}::int4,
        deferrals = deferrals + ${kind === 'deferral' ? 1 : 0}::int4,
        seq = case when ${isDead}::bool then ${claim.ref}::int8 end, reason = ${reason}, token = null, owner = null
      where key = ${orderingKeyOf(claim.event)} and token = ${claim.token}::int8 ${freshPlan}
      returning 1`;
    return ended.length === 1;
  }

  async release(owner: string): Promise<number> {
    const released = await this.#database.sql`
      update banyan.inbox_key
      set ready_at = clock_timestamp(), deferrals = deferrals + 1, token = null, owner = null
      where owner = ${owner} ${freshPlan} returning 1`;
    return released.length;
  }

  async deadLetters(limit: number): Promise<readonly DeadLetter[]> {
    return this.#database.sql<DeadLetter>`
      select i.event, k.reason, k.attempts, k.dead_at, k.pending - 1 as waiting
      from banyan.inbox_key as k join banyan.inbox as i on i.seq = k.seq
      where k.dead_at is not null order by k.dead_at limit ${limit}`;
  }

  async retryDeadLetters(eventIds: readonly string[]): Promise<number> {
    const { sql } = this.#database;
    const retried = await sql`
      update banyan.inbox_key as k set
        ready_at = clock_timestamp(), dead_at = null, seq = null,
        attempts = 0, failures = 0, deferrals = 0, first_attempt_at = null
      from banyan.inbox as i
      where i.event_id::text = any(${sql.array(eventIds, 'text')}) and k.key = i.key and k.seq = i.seq and k.dead_at is not null
      returning 1`;
    return retried.length;
  }

  async discardDeadLetters(eventIds: readonly string[]): Promise<number> {
    const { sql } = this.#database;
    const discarded = await sql`
      with ended as (
        update banyan.inbox_key as k set
          pending = k.pending - 1, ready_at = clock_timestamp(), dead_at = null, seq = null,
          attempts = 0, failures = 0, deferrals = 0, first_attempt_at = null, reason = null
        from banyan.inbox as i
        where i.event_id::text = any(${sql.array(eventIds, 'text')}) and k.key = i.key and k.seq = i.seq and k.dead_at is not null
        returning i.seq
      )
      update banyan.inbox set finished_at = clock_timestamp(), discarded = true
      from ended where inbox.seq = ended.seq returning 1`;
    return discarded.length;
  }

  async counts(): Promise<InboxCounts> {
    const [row] = await this.#database.sql<InboxCounts>`
      select
        coalesce(sum(pending) filter (where dead_at is null), 0)::int8 as pending,
        count(*) filter (where dead_at is not null) as dead,
        coalesce(sum(pending - 1) filter (where dead_at is not null), 0)::int8 as waiting,
        coalesce((
          select greatest(0, extract(epoch from clock_timestamp() - min(i.received_at)) * 1000)
          from banyan.inbox as i join banyan.inbox_key as k using (key)
          where i.finished_at is null and k.dead_at is null
        ), 0)::float8 as oldest_age_ms
      from banyan.inbox_key where pending > 0`;
    return row ?? { pending: 0, dead: 0, waiting: 0, oldestAgeMs: 0 };
  }

  async prune(olderThanMs: number): Promise<number> {
    let total = 0;
    for (;;) {
      const [row] = await this.#database.sql<{ count: number }>`
        with old as (
          select seq from banyan.inbox
          where finished_at < clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond'
          limit ${pruneStep} ${freshPlan} for update skip locked
        ), gone as (
          delete from banyan.inbox using old where inbox.seq = old.seq returning 1
        )
        select count(*)::int8 as count from gone`;
      const count = row?.count ?? 0;
      total += count;
      if (count < pruneStep) break;
    }
    await this.#pruneKeys();
    return total;
  }

  /** Rows of keys that have nothing to do; one that gets an event meanwhile is locked, and skipped. */
  async #pruneKeys(): Promise<void> {
    for (;;) {
      const gone = await this.#database.sql`
        delete from banyan.inbox_key where key = any(array(
          select key from banyan.inbox_key where pending = 0 limit ${pruneStep} ${freshPlan} for update skip locked
        )) and pending = 0 returning 1`;
      if (gone.length < pruneStep) return;
    }
  }
}
