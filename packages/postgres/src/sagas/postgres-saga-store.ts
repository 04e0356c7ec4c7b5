import type { Sql } from '@banyan/core';
import type {
  Advanced,
  AuditEntry,
  JournalEntry,
  Letter,
  MailBounds,
  NewJournalEntry,
  NewSaga,
  OperatorChange,
  Posted,
  SagaFilter,
  SagaRow,
  SagaStanding,
  SagaStore,
  StoredSaga,
  Transition,
} from '@banyan/saga';
import { isEnded } from '@banyan/saga';
import type { PostgresDatabase } from '../database.ts';
import { freshPlan } from '../events/fresh-plan.ts';
import { claimSagas, loadSagas } from './saga-claim.ts';
import { postLetter } from './saga-mail.ts';
import { toSagaRow, type WireRow } from './saga-rows.ts';

/** Rows dropped in one statement. */
const pruneStep = 1_000;
/** Longer than any transaction of a worker can last. */
const forgetWorkersAfter = '1 hour';

/** Sagas in `banyan.saga` of a service's database. */
export function createPostgresSagaStore(database: PostgresDatabase): SagaStore {
  return new SagaTable(database);
}

class SagaTable implements SagaStore {
  readonly #database: PostgresDatabase;

  constructor(database: PostgresDatabase) {
    this.#database = database;
  }

  async join(instance: string, leaseMs: number): Promise<number> {
    const [row] = await this.#database.sql<{ token: number }>`
      insert into banyan.saga_worker (instance, lease_until)
      values (${instance}, clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond') returning token`;
    if (row === undefined) throw new TypeError('insert … returning returned nothing');
    return row.token;
  }

  async renew(token: number, leaseMs: number): Promise<boolean> {
    const rows = await this.#database.sql`
      update banyan.saga_worker set lease_until = clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond'
      where token = ${token} and dead_at is null returning token`;
    return rows.length > 0;
  }

  async leave(token: number): Promise<void> {
    await this.#database.sql`
      update banyan.saga_worker set dead_at = clock_timestamp() where token = ${token} and dead_at is null`;
  }

  async start(sql: Sql, sagas: readonly NewSaga[], owner: number | undefined): Promise<readonly string[]> {
    const insert = insertion(sql, sagas, owner);
    const rows = await sql<{ id: string }>`${insert} on conflict (id) do nothing returning id`;
    return rows.map(({ id }) => id);
  }

  begin(sql: Sql, sagas: readonly NewSaga[], owner: number): Promise<void> {
    return insertion(sql, sagas, owner).then(() => undefined);
  }

  claim(token: number, definitions: readonly string[], limit: number): Promise<readonly SagaRow[]> {
    return claimSagas(this.#database.sql, { token, definitions, limit });
  }

  load(token: number, ids: readonly string[]): Promise<readonly SagaRow[]> {
    return loadSagas(this.#database.sql, token, ids);
  }

  /**
   * One update for each, sent together: a set-based one is planned as a scan of everything whenever the statistics are young. `+ 0` keeps the
   * planner from going through all that the worker owns.
   */
  async advance(sql: Sql, token: number, transitions: readonly Transition[]): Promise<readonly Advanced[]> {
    const rows = await Promise.all(
      transitions.map(
        ({ id, state, status, isHeld, readyInMs, mailSeen, waitingFor }) => sql<Advanced>`
          update banyan.saga set
            state = ${JSON.stringify(state)}::json,
            status = ${status},
            owner = case when ${isHeld}::boolean or (${!isEnded(status) && status !== 'stuck'}::boolean and mail_count > ${mailSeen}::int4) then owner end,
            ready_at = case when ${isHeld}::boolean or mail_count > ${mailSeen}::int4 then null
              else clock_timestamp() + ${readyInMs ?? null}::float8 * interval '1 millisecond' end,
            waiting_for = ${waitingFor.length === 0 ? null : waitingFor.join(' ')}::text,
            changed_at = clock_timestamp(),
            ended_at = case when ${isEnded(status)}::boolean then clock_timestamp() end
          where id = ${id}::uuid and owner + 0 = ${token}::int8
          returning id, mail_count, owner is not null as is_held`,
      ),
    );
    return rows.flat();
  }

  async append(sql: Sql, entries: readonly NewJournalEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const ids = entries.map(({ sagaId }) => sagaId);
    const seqs = entries.map(({ seq }) => seq);
    const texts = entries.map(({ entry }) => JSON.stringify(entry));
    // An entry that is there already was written by whoever has taken over; `advance` then refuses the row.
    await sql`
      insert into banyan.saga_journal (saga_id, seq, entry)
      select id, seq, entry::json
      from unnest(${sql.array(ids, 'uuid')}, ${sql.array(seqs, 'int4')}, ${sql.array(texts, 'text')}) as j (id, seq, entry)
      on conflict do nothing`;
  }

  async journal(ids: readonly string[]): Promise<ReadonlyMap<string, readonly JournalEntry[]>> {
    const { sql } = this.#database;
    const rows = await sql<{ sagaId: string; entry: JournalEntry }>`
      select saga_id, entry from banyan.saga_journal where saga_id = any(${sql.array(ids, 'uuid')}) order by saga_id, seq`;
    const grouped = Map.groupBy(rows, ({ sagaId }) => sagaId);
    return new Map([...grouped].map(([id, entries]) => [id, entries.map(({ entry }) => entry)]));
  }

  async owned(token: number): Promise<readonly { readonly id: string; readonly mailCount: number }[]> {
    return this.#database.sql<{ id: string; mailCount: number }>`
      select id, mail_count from banyan.saga where owner = ${token}`;
  }

  post(sql: Sql, id: string, letter: Letter, bounds?: MailBounds): Promise<Posted> {
    return postLetter(sql, id, letter, bounds);
  }

  async read(id: string): Promise<StoredSaga | undefined> {
    const { sql } = this.#database;
    const [row] =
      await sql<StoredRow>`select ${storedColumns(sql)} from banyan.saga as s where id = ${id}::uuid`;
    return row === undefined ? undefined : toStored(row);
  }

  async list({ name, status, limit }: SagaFilter): Promise<readonly StoredSaga[]> {
    const { sql } = this.#database;
    const rows = await sql<StoredRow>`
      select ${storedColumns(sql)} from banyan.saga as s
      where (${name ?? null}::text is null or name = ${name ?? null}::text)
        and (${status ?? null}::text is null or status = ${status ?? null}::text)
      order by started_at desc limit ${limit} ${freshPlan}`;
    return rows.map(toStored);
  }

  async change(change: OperatorChange, changedAt: string): Promise<boolean> {
    const { id, actor, action, state, status, detail = null } = change;
    return this.#database.tx(async ({ sql }) => {
      const rows = await sql`
        update banyan.saga set state = ${JSON.stringify(state)}::json, status = ${status}, owner = null,
          ready_at = case when ${status}::text in ('running', 'compensating') then clock_timestamp() end,
          changed_at = clock_timestamp(),
          ended_at = case when ${isEnded(status)}::boolean then clock_timestamp() end
        where id = ${id}::uuid and owner is null and changed_at = ${changedAt}::timestamptz returning id`;
      if (rows.length === 0) return false;
      await sql`insert into banyan.saga_audit (actor, action, saga_id, detail)
        values (${actor}, ${action}, ${id}::uuid, ${JSON.stringify(detail)}::json)`;
      return true;
    });
  }

  async audit(limit: number): Promise<readonly AuditEntry[]> {
    return this.#database.sql<{ at: string; actor: string; action: string; sagaId: string; detail: unknown }>`
      select at, actor, action, saga_id, detail from banyan.saga_audit order by seq desc limit ${limit}`;
  }

  async note({
    id,
    actor,
    action,
    detail = null,
  }: Pick<OperatorChange, 'id' | 'actor' | 'action' | 'detail'>) {
    await this.#database.sql`insert into banyan.saga_audit (actor, action, saga_id, detail)
      values (${actor}, ${action}, ${id}::uuid, ${JSON.stringify(detail)}::json)`;
  }

  async noteAlarm(sql: Sql, isStuck: boolean): Promise<boolean> {
    const stuck = sql`exists (select from banyan.saga where status = 'stuck')`;
    const changed = isStuck
      ? await sql`insert into banyan.saga_alarm (invariant) select 'sagas' where ${stuck} on conflict do nothing returning 1`
      : await sql`delete from banyan.saga_alarm where not ${stuck} returning 1`;
    return changed.length > 0;
  }

  async standing(known: readonly string[]): Promise<SagaStanding> {
    const { sql } = this.#database;
    const [row] = await sql<{
      stuck: number;
      overdue: number;
      overdueMs: number;
      needed: string[] | null;
      isAlarmed: boolean;
    }>`
      with recursive definition as (
        (select name, version from banyan.saga where owner is null and ready_at is not null order by name, version limit 1)
        union all
        select next.name, next.version from definition, lateral (
          select name, version from banyan.saga
          where owner is null and ready_at is not null and (name, version) > (definition.name, definition.version)
          order by name, version limit 1
        ) as next
      ), due as (
        select ready_at from definition, lateral (
          select ready_at from banyan.saga as s
          where s.name = definition.name and s.version = definition.version and s.owner is null and s.ready_at < now() - interval '2 seconds'
          order by ready_at limit 1000
        ) as late
      )
      select (select count(*)::int4 from banyan.saga where status = 'stuck') as stuck,
        exists (select from banyan.saga_alarm) as is_alarmed,
        (select count(*)::int4 from due) as overdue,
        coalesce((select extract(epoch from now() - min(ready_at)) * 1000 from due), 0)::float8 as overdue_ms,
        (select json_agg(name || '@' || version) from definition) as needed
      ${freshPlan}`;
    const { stuck = 0, overdue = 0, overdueMs = 0, needed = [], isAlarmed = false } = row ?? {};
    return {
      stuck,
      overdue,
      overdueMs,
      isAlarmed,
      unknown: (needed ?? []).filter((each) => !known.includes(each)),
    };
  }

  async prune(olderThanMs: number): Promise<number> {
    const { sql } = this.#database;
    await sql`delete from banyan.saga_worker as w where dead_at < now() - ${forgetWorkersAfter}::interval
      and not exists (select from banyan.saga where owner = w.token)`;
    for (let total = 0; ; ) {
      // Together: a journal without its saga would be found by nobody.
      const gone = await sql`
        with gone as (
          delete from banyan.saga where id in (
            select id from banyan.saga where ended_at < now() - ${olderThanMs}::float8 * interval '1 millisecond'
            limit ${pruneStep} ${freshPlan} for update skip locked
          ) returning id
        ), journals as (
          delete from banyan.saga_journal as j using gone where j.saga_id = gone.id
        )
        select id from gone`;
      total += gone.length;
      if (gone.length < pruneStep) return total;
    }
  }
}

function insertion(sql: Sql, sagas: readonly NewSaga[], owner: number | undefined) {
  const texts = (pick: (saga: NewSaga) => string | undefined) =>
    sql.array(
      sagas.map((saga) => pick(saga) ?? null),
      'text',
    );
  const json = (value: unknown) => (value === undefined ? undefined : JSON.stringify(value));
  return sql`
    insert into banyan.saga (id, name, version, idempotency_key, input, state, status, owner, ready_at, deadline_at,
      caller, traceparent, parent_id, parent_step, waiting_for, ended_at)
    select id::uuid, name, version::integer, idempotency_key, input::json,
      coalesce(state::json, '{"steps":{},"done":[],"round":0,"read":[]}'), coalesce(status, 'running'),
      case when coalesce(is_held, 'true')::boolean then ${owner ?? null}::bigint end,
      case when ${owner ?? null}::bigint is null then clock_timestamp()
        when not is_held::boolean then clock_timestamp() + ready_in_ms::float8 * interval '1 millisecond' end,
      clock_timestamp() + deadline_ms::float8 * interval '1 millisecond', caller::json, traceparent, parent_id::uuid, parent_step,
      waiting_for, case when is_ended::boolean then clock_timestamp() end
    from unnest(
      ${texts(({ id }) => id)}, ${texts(({ name }) => name)}, ${texts(({ version }) => String(version))},
      ${texts(({ idempotencyKey }) => idempotencyKey)}, ${texts(({ input }) => json(input) ?? '{}')},
      ${texts(({ deadlineMs }) => json(deadlineMs))}, ${texts(({ user }) => json(user))},
      ${texts(({ traceparent }) => traceparent)}, ${texts(({ parent }) => parent?.id)},
      ${texts(({ parent }) => parent?.step)}, ${texts(({ state, progress }) => json(progress?.state ?? state))},
      ${texts(({ progress }) => progress?.status)}, ${texts(({ progress }) => json(progress?.isHeld))},
      ${texts(({ progress }) => json(progress?.readyInMs))}, ${texts(({ progress }) => progress?.waitingFor.join(' ') || undefined)},
      ${texts(({ progress }) => json(progress && isEnded(progress.status)))}
    ) as s (id, name, version, idempotency_key, input, deadline_ms, caller, traceparent, parent_id, parent_step, state,
      status, is_held, ready_in_ms, waiting_for, is_ended)`;
}

interface StoredRow extends WireRow {
  readonly idempotencyKey: string | null;
  readonly startedAt: string;
  readonly changedAt: string;
  readonly endedAt: string | null;
  readonly readyAt: string | null;
  readonly deadlineAt: string | null;
  readonly waitingFor: string | null;
  readonly worker: string | null;
}

function storedColumns(sql: Sql) {
  return sql`id, name, version, input, state, status, deadline_at, extract(epoch from deadline_at)::float8 * 1000 as deadline_ms,
    caller, traceparent, parent_id, parent_step, mail, false as is_taken_over, idempotency_key, started_at, changed_at, ended_at,
    ready_at, waiting_for, (select instance from banyan.saga_worker where token = s.owner) as worker`;
}

function toStored(row: StoredRow): StoredSaga {
  return {
    ...toSagaRow(row),
    idempotencyKey: row.idempotencyKey ?? undefined,
    startedAt: row.startedAt,
    changedAt: row.changedAt,
    endedAt: row.endedAt ?? undefined,
    readyAt: row.readyAt ?? undefined,
    deadlineAt: row.deadlineAt ?? undefined,
    waitingFor: row.waitingFor?.split(' ') ?? [],
    worker: row.worker ?? undefined,
  };
}
