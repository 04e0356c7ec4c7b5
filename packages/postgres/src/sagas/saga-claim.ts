import type { Sql } from '@banyan/core';
import type { SagaRow } from '@banyan/saga';
import { freshPlan } from '../events/fresh-plan.ts';
import { toSagaRow, type WireRow } from './saga-rows.ts';

export interface SagaClaim {
  readonly token: number;
  /** `createOrder@1` */
  readonly definitions: readonly string[];
  readonly limit: number;
}

/**
 * First says who is dead: from then on they cannot renew, and whatever they still write meets rows that they own no more, or still own, one or the other.
 * Then takes their sagas, and those that are due. Each definition is looked up on its own, so one that nobody knows any more stands in no one's way.
 */
export async function claimSagas(
  sql: Sql,
  { token, definitions, limit }: SagaClaim,
): Promise<readonly SagaRow[]> {
  await sql`
    update banyan.saga_worker set dead_at = clock_timestamp()
    where dead_at is null and lease_until < clock_timestamp() and token <> ${token}`;
  const names = sql.array(
    definitions.map((each) => each.slice(0, each.lastIndexOf('@'))),
    'text',
  );
  const versions = sql.array(
    definitions.map((each) => each.slice(each.lastIndexOf('@') + 1)),
    'int4',
  );
  const rows = await sql<WireRow>`
    with known as (select * from unnest(${names}, ${versions}) as k (name, version)),
    orphan as materialized (
      select s.id, true as is_taken_over from banyan.saga_worker as w
      cross join lateral (
        select id from banyan.saga
        where owner = w.token and (name, version) in (select name, version from known)
        limit ${limit} for update skip locked
      ) as s
      where w.dead_at is not null
      limit ${limit}
    ), due as materialized (
      select s.id, false as is_taken_over from known as k
      cross join lateral (
        select id from banyan.saga
        where name = k.name and version = k.version and owner is null and ready_at <= now()
        order by ready_at limit ${limit} for update skip locked
      ) as s
      limit ${limit}
    ), taken as (select * from orphan union all (select * from due) limit ${limit})
    update banyan.saga as s set owner = ${token}, ready_at = null
    from taken where s.id = taken.id
    returning s.id, s.name, s.version, s.input, s.state, s.status, extract(epoch from s.deadline_at)::float8 * 1000 as deadline_ms,
      s.caller, s.traceparent, s.parent_id, s.parent_step, s.mail, taken.is_taken_over,
      extract(epoch from s.started_at)::float8 * 1000 as started_ms
    ${freshPlan}`;
  return rows.map(toSagaRow);
}

export async function loadSagas(
  sql: Sql,
  token: number,
  ids: readonly string[],
): Promise<readonly SagaRow[]> {
  const rows = await sql<WireRow>`
    select id, name, version, input, state, status, extract(epoch from deadline_at)::float8 * 1000 as deadline_ms,
      caller, traceparent, parent_id, parent_step, mail, true as is_taken_over,
      extract(epoch from started_at)::float8 * 1000 as started_ms
    from banyan.saga where id = any(${sql.array(ids, 'uuid')}) and owner = ${token}`;
  return rows.map(toSagaRow);
}
