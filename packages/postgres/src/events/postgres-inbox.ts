import type { Database, Sql } from '@banyan/core';
import {
  type Arrival,
  type AuditEntry,
  type Claim,
  type ClaimRequest,
  type CloudEvent,
  type DeadLetter,
  type DeadLetterChoice,
  type DeadLetterPlace,
  type DeadLetterTotal,
  type Failure,
  type Inbox,
  type InboxCounts,
  orderingKeyOf,
  type PartitionPlace,
  type ReplayRequest,
  type Share,
  type ShareRequest,
} from '@banyan/events';
import { freshPlan } from './fresh-plan.ts';
import { admitArrival, ingestArrival, storable } from './inbox-arrival.ts';
import {
  discardDead,
  editDead,
  readAudit,
  readDeadLetters,
  readDeadTotal,
  replayTopics,
  retryDead,
} from './inbox-operators.ts';
import { leavePartitions, readPlaces, sharePartitions } from './inbox-partitions.ts';
import { leaseLost } from './lease-lost.ts';

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

  share(request: ShareRequest): Promise<Share> {
    return sharePartitions(this.#database, request);
  }

  places(log: string): Promise<readonly PartitionPlace[]> {
    return readPlaces(this.#database, log);
  }

  leave(log: string, instance: string): Promise<void> {
    return leavePartitions(this.#database, log, instance);
  }

  admit(sql: Sql, arrival: Arrival): Promise<readonly CloudEvent[]> {
    return admitArrival(sql, arrival);
  }

  ingest(arrival: Arrival): Promise<void> {
    return this.#database.tx(({ sql }) => ingestArrival(sql, arrival), { concurrent: true });
  }

  /**
   * One statement, so that a connection which breaks leaves no lease behind that nobody knows of. It may meet a key that another worker
   * has finished an event of since the statement's snapshot: PostgreSQL then goes on with the newest row of the key, but would take the
   * finished event from the snapshot. `seen` is the snapshot's row: where the two differ, the key is left to the next claim.
   */
  async claim({ owner, limit, leaseMs }: ClaimRequest): Promise<readonly Claim[]> {
    const rows = await this.#database.sql<Omit<Claim, 'event'> & { readonly event: string }>`
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
        select seq, event from banyan.inbox where key = ready.key order by seq limit 1
      ) as head
      where k.key = ready.key
      returning head.event, head.seq::text as ref, k.token::text, k.attempts as attempt, k.failures, k.deferrals,
        (extract(epoch from clock_timestamp() - k.first_attempt_at) * 1000)::float8 as since_first_attempt_ms`;
    const claims = rows.map((row) => ({ ...row, event: JSON.parse(row.event) as CloudEvent }));
    // The update returns them in any order.
    return claims.sort((a, b) => Number(a.ref) - Number(b.ref));
  }

  async complete(claim: Claim, sql: Sql = this.#database.sql): Promise<void> {
    const finished = await sql`
      with ended as (
        update banyan.inbox_key set
          pending = pending - 1, ready_at = clock_timestamp(), token = null, owner = null,
          attempts = 0, failures = 0, deferrals = 0, first_attempt_at = null, reason = null, stack = null
        where key = ${orderingKeyOf(claim.event)} and token = ${claim.token}::int8
        returning 1
      ), finished as (
        delete from banyan.inbox using ended where inbox.seq = ${claim.ref}::int8 returning event_id
      ), remembered as (
        update banyan.inbox_seen as s set seen_at = clock_timestamp() from finished where s.event_id = finished.event_id
      )
      select 1 from finished ${freshPlan}`;
    if (finished.length !== 1)
      throw leaseLost('The event was handed to another worker, or is finished already.');
  }

  async fail(claim: Claim, { kind, reason, stack, retryAfterMs }: Failure): Promise<boolean> {
    const isDead = kind === 'dead';
    const ended = await this.#database.sql`
      update banyan.inbox_key set
        ready_at = case when ${isDead}::bool then 'infinity'
          else clock_timestamp() + ${retryAfterMs}::float8 * interval '1 millisecond' end,
        dead_at = case when ${isDead}::bool then clock_timestamp() end,
        failures = failures + ${kind === 'failure' ? 1 : 0}::int4,
        deferrals = deferrals + ${kind === 'deferral' ? 1 : 0}::int4,
        seq = case when ${isDead}::bool then ${claim.ref}::int8 end,
        reason = ${storable(reason)}, stack = ${stack === undefined ? null : storable(stack)}, token = null, owner = null
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

  async deadLetter(id: string): Promise<DeadLetter | undefined> {
    const [letter] = await readDeadLetters(this.#database.sql, { limit: 1, id });
    return letter;
  }

  deadLetters(limit: number, after?: DeadLetterPlace): Promise<readonly DeadLetter[]> {
    return readDeadLetters(this.#database.sql, { limit, after });
  }

  deadLetterTotal(): Promise<DeadLetterTotal> {
    return readDeadTotal(this.#database.sql);
  }

  retryDeadLetters(chosen: DeadLetterChoice, by: string): Promise<number> {
    return retryDead(this.#database.sql, chosen, by);
  }

  editDeadLetter(id: string, event: CloudEvent, by: string): Promise<boolean> {
    return this.#database.tx(({ sql }) => editDead(sql, id, event, by));
  }

  discardDeadLetters(chosen: DeadLetterChoice, by: string): Promise<number> {
    return discardDead(this.#database.sql, chosen, by);
  }

  audit(limit: number): Promise<readonly AuditEntry[]> {
    return readAudit(this.#database.sql, limit);
  }

  replay(request: ReplayRequest): Promise<void> {
    return this.#database.tx(({ sql }) => replayTopics(sql, request));
  }

  async counts(): Promise<InboxCounts> {
    const [row] = await this.#database.sql<InboxCounts>`
      select
        coalesce(sum(pending) filter (where dead_at is null), 0)::int8 as pending,
        (count(*) filter (where dead_at is not null) + (select count(*) from banyan.inbox_malformed where done_at is null))::int8 as dead,
        coalesce(sum(pending - 1) filter (where dead_at is not null), 0)::int8 as waiting,
        coalesce((
          select greatest(0, extract(epoch from clock_timestamp() - min(i.received_at)) * 1000)
          from banyan.inbox as i join banyan.inbox_key as alive on alive.key = i.key and alive.dead_at is null
        ), 0)::float8 as oldest_age_ms,
        coalesce((select sum(owner_changes) from banyan.inbox_partition), 0)::int8 as rebalances
      from banyan.inbox_key where pending > 0`;
    return row ?? { pending: 0, dead: 0, waiting: 0, oldestAgeMs: 0, rebalances: 0 };
  }

  /** What is not finished keeps its id, however long that takes. */
  async prune(olderThanMs: number): Promise<number> {
    let total = 0;
    for (;;) {
      const gone = await this.#database.sql`
        delete from banyan.inbox_seen where event_id = any(array(
          select event_id from banyan.inbox_seen as s
          where s.seen_at < now() - ${olderThanMs}::float8 * interval '1 millisecond'
            and not exists (select from banyan.inbox as i where i.event_id = s.event_id)
          limit ${pruneStep} ${freshPlan} for update skip locked
        )) returning 1`;
      total += gone.length;
      if (gone.length < pruneStep) break;
    }
    await this.#database.sql`
      delete from banyan.inbox_malformed
      where done_at < clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond'`;
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
