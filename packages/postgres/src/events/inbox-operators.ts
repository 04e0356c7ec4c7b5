import type { Sql, SqlFragment } from '@banyan/core';
import { ServiceError } from '@banyan/core';
import {
  type AuditEntry,
  type CloudEvent,
  type DeadLetter,
  type DeadLetterChoice,
  type DeadLetterPlace,
  type DeadLetterTotal,
  encodeEvent,
  orderingKeyOf,
  parseEvent,
  type ReplayRequest,
  topicOf,
} from '@banyan/events';
import { store } from './inbox-arrival.ts';

export interface DeadLetterSearch {
  readonly limit: number;
  readonly id?: string;
  readonly after?: DeadLetterPlace | undefined;
}

export async function readDeadLetters(
  sql: Sql,
  { limit, id, after }: DeadLetterSearch,
): Promise<readonly DeadLetter[]> {
  const rows = await sql<
    Omit<DeadLetter, 'event' | 'topic' | 'key' | 'text' | 'stack'> & {
      readonly topic: string | null;
      readonly key: string | null;
      readonly event: string | null;
      readonly text: string | null;
      readonly stack: string | null;
    }
  >`
    select * from (
      select i.event_id::text collate "C" as id, i.topic, k.key, i.event, null::text as text, k.reason, k.stack, k.attempts, k.dead_at,
        k.pending - 1 as waiting
      from banyan.inbox_key as k join banyan.inbox as i on i.seq = k.seq
      where k.dead_at is not null and ${id === undefined ? sql`true` : sql`i.event_id::text = ${id}`}
      union all
      select id::text collate "C", topic, null, null, text, reason, null, 0, dead_at, 0 from banyan.inbox_malformed
      where done_at is null and ${id === undefined ? sql`true` : sql`id::text = ${id}`}
    ) as letter
    where ${after === undefined ? sql`true` : sql`(dead_at, id) > (${after.deadAt}::timestamptz, ${after.id} collate "C")`}
    order by dead_at, id limit ${limit}`;
  return rows.map(({ topic, key, event, text, stack, ...letter }) => ({
    ...letter,
    topic: topic ?? undefined,
    key: key ?? undefined,
    event: event === null ? undefined : (JSON.parse(event) as CloudEvent),
    text: text ?? undefined,
    stack: stack ?? undefined,
  }));
}

export async function readDeadTotal(sql: Sql): Promise<DeadLetterTotal> {
  const [last] = await sql<DeadLetterPlace & { readonly count: number }>`
    select dead_at, id, count(*) over ()::int8 as count from (
      select k.dead_at, i.event_id::text collate "C" as id
      from banyan.inbox_key as k join banyan.inbox as i on i.seq = k.seq where k.dead_at is not null
      union all
      select dead_at, id::text collate "C" from banyan.inbox_malformed where done_at is null
    ) as letter
    order by dead_at desc, id desc limit 1`;
  if (last === undefined) return { count: 0, last };
  const { count, ...place } = last;
  return { count, last: place };
}

/** The condition that a letter is one of these, from the expressions of its id and of when it died. */
function isOneOf(
  sql: Sql,
  chosen: DeadLetterChoice,
  letter: { readonly id: SqlFragment; readonly deadAt: SqlFragment },
) {
  if (!('through' in chosen)) return sql`${letter.id} = any(${sql.array(chosen, 'text')})`;
  const { deadAt, id } = chosen.through;
  return sql`(${letter.deadAt}, ${letter.id} collate "C") <= (${deadAt}::timestamptz, ${id} collate "C")`;
}

export async function retryDead(sql: Sql, chosen: DeadLetterChoice, by: string): Promise<number> {
  const isRetried = isOneOf(sql, chosen, { id: sql`i.event_id::text`, deadAt: sql`k.dead_at` });
  const retried = await sql`
    with retried as (
      update banyan.inbox_key as k set
        ready_at = clock_timestamp(), dead_at = null, seq = null, reason = null, stack = null,
        attempts = 0, failures = 0, deferrals = 0, first_attempt_at = null
      from banyan.inbox as i
      where ${isRetried} and i.key = k.key and i.seq = k.seq and k.dead_at is not null
      returning i.event_id
    )
    insert into banyan.inbox_audit (by, action, subject) select ${by}, 'retry', event_id::text from retried returning 1`;
  return retried.length;
}

export async function discardDead(sql: Sql, chosen: DeadLetterChoice, by: string): Promise<number> {
  const isEnded = isOneOf(sql, chosen, { id: sql`i.event_id::text`, deadAt: sql`k.dead_at` });
  const isForgotten = isOneOf(sql, chosen, { id: sql`id::text`, deadAt: sql`dead_at` });
  const discarded = await sql`
    with ended as (
      update banyan.inbox_key as k set
        pending = k.pending - 1, ready_at = clock_timestamp(), dead_at = null, seq = null, reason = null, stack = null,
        attempts = 0, failures = 0, deferrals = 0, first_attempt_at = null
      from banyan.inbox as i
      where ${isEnded} and i.key = k.key and i.seq = k.seq and k.dead_at is not null
      returning i.seq
    ), gone as (
      delete from banyan.inbox as i using ended where i.seq = ended.seq returning i.event_id, i.event
    ), finished as (
      update banyan.inbox_seen as s set seen_at = clock_timestamp() from gone where s.event_id = gone.event_id
    ), forgotten as (
      update banyan.inbox_malformed set done_at = clock_timestamp()
      where ${isForgotten} and done_at is null returning id, text
    )
    insert into banyan.inbox_audit (by, action, subject, before)
    select ${by}, 'discard', event_id::text, event::json from gone
    union all
    select ${by}, 'discard', id::text, to_json(text) from forgotten
    returning 1`;
  return discarded.length;
}

/** In a transaction. */
export async function editDead(sql: Sql, id: string, edited: CloudEvent, by: string): Promise<boolean> {
  const event = parseEvent(edited);
  const text = encodeEvent(event);
  const [dead] = await sql<{ seq: string; key: string; event: string }>`
    select i.seq::text, i.key, i.event from banyan.inbox as i join banyan.inbox_key as k on k.seq = i.seq and k.key = i.key
    where i.event_id::text = ${id} and k.dead_at is not null for update of k`;
  if (dead === undefined) return editMalformed(sql, id, event, by);
  if (event.id !== id || orderingKeyOf(event) !== dead.key) {
    throw new ServiceError('An edited event keeps its id, source and subject.', {
      code: 'invalid_argument',
      reason: 'invalid_event',
      details: ['id, source and subject: expected those of the dead letter'],
    });
  }
  await sql`update banyan.inbox set event = ${text}, topic = ${topicOf(event)} where seq = ${dead.seq}::int8`;
  await sql`
    update banyan.inbox_key set
      ready_at = clock_timestamp(), dead_at = null, seq = null, reason = null, stack = null,
      attempts = 0, failures = 0, deferrals = 0, first_attempt_at = null
    where key = ${dead.key}`;
  await record(sql, { by, action: 'edit', subject: id, before: dead.event });
  return true;
}

async function editMalformed(sql: Sql, id: string, event: CloudEvent, by: string): Promise<boolean> {
  const [malformed] = await sql<{ text: string }>`
    update banyan.inbox_malformed set done_at = clock_timestamp()
    where id::text = ${id} and done_at is null returning text`;
  if (malformed === undefined) return false;
  const added = await sql`
    insert into banyan.inbox_seen (event_id, topic) values (${event.id}, ${topicOf(event)})
    on conflict (event_id) do nothing returning 1`;
  if (added.length > 0) await store(sql, [event]);
  await record(sql, { by, action: 'edit', subject: id, before: JSON.stringify(malformed.text) });
  return true;
}

export async function readAudit(sql: Sql, limit: number): Promise<readonly AuditEntry[]> {
  const rows = await sql<AuditEntry>`
    select at, by, action, subject, before from banyan.inbox_audit order by seq desc limit ${limit}`;
  return rows.map(({ before, ...entry }) => ({ ...entry, before: before ?? undefined }));
}

/** In a transaction. */
export async function replayTopics(sql: Sql, { log, topics, from, by }: ReplayRequest): Promise<void> {
  const list = sql.array(topics, 'text');
  const positions = sql.json(Object.fromEntries(topics.map((topic) => [topic, from])));
  await sql`
    with held as materialized (
      select partition from banyan.inbox_partition where log = ${log} order by partition for update
    )
    update banyan.inbox_partition as p set
      positions = p.positions || ${positions}, token = nextval('banyan.inbox_token')
    from held where p.log = ${log} and p.partition = held.partition`;
  await takeOut(sql, topics);
  await sql`delete from banyan.inbox_malformed where log = ${log} and topic = any(${list})`;
  await forgetIds(sql, topics, from);
  for (const topic of topics) await record(sql, { by, action: 'replay', subject: topic });
}

/** Keys whose oldest event goes begin anew with the next one. */
async function takeOut(sql: Sql, topics: readonly string[]): Promise<void> {
  const list = sql.array(topics, 'text');
  await sql`
    with locked as materialized (
      select key from banyan.inbox_key
      where key in (select key from banyan.inbox where topic = any(${list})) order by key for update
    ), gone as (
      delete from banyan.inbox as i using locked where i.key = locked.key and i.topic = any(${list}) returning i.key, i.seq
    ), taken as (
      select key, count(*)::int4 as count, min(seq) as first from gone group by key
    ), heads as (
      select taken.key, taken.count,
        taken.first <= all(select seq from banyan.inbox as i where i.key = taken.key) as has_lost_head
      from taken
    )
    update banyan.inbox_key as k set
      pending = k.pending - h.count,
      ready_at = case when h.has_lost_head then clock_timestamp() else k.ready_at end,
      token = case when h.has_lost_head then null else k.token end,
      owner = case when h.has_lost_head then null else k.owner end,
      attempts = case when h.has_lost_head then 0 else k.attempts end,
      failures = case when h.has_lost_head then 0 else k.failures end,
      deferrals = case when h.has_lost_head then 0 else k.deferrals end,
      first_attempt_at = case when h.has_lost_head then null else k.first_attempt_at end,
      dead_at = case when h.has_lost_head then null else k.dead_at end,
      seq = case when h.has_lost_head then null else k.seq end,
      reason = case when h.has_lost_head then null else k.reason end,
      stack = case when h.has_lost_head then null else k.stack end
    from heads as h where k.key = h.key`;
}

/** Places cannot be compared, so a replay from one forgets all ids of the topics; from a time, those that came in since, and a little more for clocks that differ. */
async function forgetIds(sql: Sql, topics: readonly string[], from: ReplayRequest['from']): Promise<void> {
  if (from === 'end') return;
  const since = typeof from === 'object' && 'time' in from ? from.time : '-infinity';
  await sql`
    delete from banyan.inbox_seen
    where topic = any(${sql.array(topics, 'text')}) and seen_at >= ${since}::timestamptz - interval '1 minute'`;
}

interface Deed {
  readonly by: string;
  readonly action: AuditEntry['action'];
  readonly subject: string;
  /** JSON. */
  readonly before?: string;
}

async function record(sql: Sql, { by, action, subject, before }: Deed): Promise<void> {
  await sql`
    insert into banyan.inbox_audit (by, action, subject, before)
    values (${by}, ${action}, ${subject}, ${before ?? null}::text::json)`;
}
