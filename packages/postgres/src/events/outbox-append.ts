import type { Sql } from '@banyan/core';
import { type EncodedEvent, partitionOf } from '@banyan/events';
import { freshPlan } from './fresh-plan.ts';

/** First half of the two-part advisory lock keys, so that ours meet nobody else's. */
const keySpace = 0x62_6e_61; // 'bna'
const moverSpace = 0x62_6e_64; // 'bnd'
const moveStep = 1_000;
/** Parts that the keys of an outbox are in. A constant: what was written keeps its part. */
export const outboxPartitions = 12;

/**
 * The lock on each key is held until the commit, and `seq` is drawn under it: so within a key the order of `seq` is the order of commits. Locks are taken in
 * one order, else two transactions could wait for each other. The transaction gets its id before it draws a number: `Place.limit` counts on that.
 */
export async function appendNow(sql: Sql, events: readonly EncodedEvent[]): Promise<void> {
  const [only] = events;
  if (only !== undefined && events.length === 1) {
    await sql`
      insert into banyan.outbox (id, partition, topic, key, event_time, event)
      select ${only.id}::uuid, ${partitionOf(only.key, outboxPartitions)}::int2,
        ${only.topic}::text, ${only.key}::text, ${only.time}::text, ${only.text}::text
      where pg_current_xact_id() is not null
        and pg_advisory_xact_lock(${keySpace}::int4, hashtext(${only.key}::text)) is not null`;
    return;
  }
  const keys = sql.array(
    events.map(({ key }) => key),
    'text',
  );
  await sql`
    with locks as materialized (
      select count(pg_advisory_xact_lock(${keySpace}::int4, hash)) as held, pg_current_xact_id() as xid
      from (select distinct hashtext(key) as hash from unnest(${keys}) as k (key) order by 1) as hashes
    )
    insert into banyan.outbox (xid, id, partition, topic, key, event_time, event)
    select locks.xid, e.id, e.partition, e.topic, e.key, e.event_time, e.event
    from unnest(${columnsOf(sql, events)}) with ordinality as e (id, partition, topic, key, event_time, event, number), locks
    where locks.held > 0
    order by e.number`;
}

/** What is due already, by the database's clock, is appended like any other event. */
export async function appendDelayed(
  sql: Sql,
  events: readonly EncodedEvent[],
  dueAtMs: number,
): Promise<void> {
  const keys = sql.array(
    events.map(({ key }) => key),
    'text',
  );
  const rows = sql`unnest(${columnsOf(sql, events)}) with ordinality as e (id, partition, topic, key, event_time, event, number)`;
  await sql`
    with due as materialized (
      select due_at, due_at <= clock_timestamp() as is_now
      from (select to_timestamp(${dueAtMs / 1_000}::float8) as due_at) as told
    ), locks as materialized (
      select count(pg_advisory_xact_lock(${keySpace}::int4, hash)) as held, pg_current_xact_id() as xid
      from (
        select distinct hashtext(key) as hash from unnest(${keys}) as k (key), due where due.is_now order by 1
      ) as hashes
    ), appended as (
      insert into banyan.outbox (xid, id, partition, topic, key, event_time, event)
      select locks.xid, e.id, e.partition, e.topic, e.key, e.event_time, e.event
      from ${rows}, locks, due where due.is_now and locks.held > 0
      order by e.number
    )
    insert into banyan.outbox_delayed (due_at, id, topic, key, event_time, event)
    select due.due_at, e.id, e.topic, e.key, e.event_time, e.event
    from ${rows}, due where not due.is_now
    order by e.number`;
}

/**
 * Moves messages whose time has come into the outbox, one mover at a time. Those of a key that an open transaction has appended to wait for it; others do
 * not. True if something was moved.
 */
export async function moveDue(sql: Sql): Promise<boolean> {
  const moved = await sql`
    with turn as materialized (select pg_try_advisory_xact_lock(${moverSpace}::int4, 0) as is_mine),
    candidate as materialized (
      select seq, hashtext(key) as hash from banyan.outbox_delayed, turn
      where turn.is_mine and due_at <= clock_timestamp() order by due_at, seq limit ${moveStep} ${freshPlan}
    ), free as materialized (
      select hash from (select distinct hash from candidate order by 1) as hashes
      where pg_try_advisory_xact_lock(${keySpace}::int4, hash)
    ), due as (
      delete from banyan.outbox_delayed as d using candidate join free using (hash)
      where d.seq = candidate.seq returning d.*
    )
    insert into banyan.outbox (id, topic, key, event_time, event)
    select id, topic, key, event_time, event from due order by due_at, seq returning 1`;
  return moved.length > 0;
}

function columnsOf(sql: Sql, events: readonly EncodedEvent[]) {
  const texts = (pick: (event: EncodedEvent) => string) => sql.array(events.map(pick), 'text');
  return sql`${sql.array(
    events.map(({ id }) => id),
    'uuid',
  )}, ${sql.array(
    events.map(({ key }) => partitionOf(key, outboxPartitions)),
    'int2',
  )}, ${texts(({ topic }) => topic)}, ${texts(({ key }) => key)}, ${texts(({ time }) => time)}, ${texts(({ text }) => text)}`;
}
