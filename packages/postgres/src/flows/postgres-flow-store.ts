import type { Sql } from '@banyan/core';
import type {
  FlowAuditEntry,
  FlowChange,
  FlowFilter,
  FlowId,
  FlowStanding,
  FlowStatus,
  FlowStore,
  Seen,
  StoredFlow,
} from '@banyan/flow';
import type { PostgresDatabase } from '../database.ts';
import { freshPlan } from '../events/fresh-plan.ts';

/** Rows dropped in one statement. */
const pruneStep = 1_000;

/** Flows in `banyan.flow` of a service's database. */
export function createPostgresFlowStore(database: PostgresDatabase): FlowStore {
  return new FlowTable(database);
}

type Amended = Awaited<ReturnType<FlowStore['amend']>>;

interface Pending {
  readonly id: FlowId;
  readonly before: VersionedFlow | undefined;
  readonly after: FlowChange;
}

class FlowTable implements FlowStore {
  readonly #database: PostgresDatabase;

  constructor(database: PostgresDatabase) {
    this.#database = database;
  }

  /** Without locks until it writes: who was overtaken finds the version changed, and begins again with those flows. */
  async amend(
    sql: Sql,
    ids: readonly FlowId[],
    change: (id: FlowId, stored: StoredFlow | undefined) => FlowChange | undefined,
  ): Promise<Amended> {
    const amended: Pending[] = [];
    let open = ids;
    while (open.length > 0) {
      const stored = new Map((await readFlows(sql, open)).map((flow) => [nameOf(flow), flow]));
      const pending = open.flatMap((id): Pending[] => {
        const before = stored.get(nameOf(id));
        const after = change(id, before);
        return after === undefined ? [] : [{ id, before, after }];
      });
      if (pending.length === 0) break;
      const written = new Set((await writeFlows(sql, pending)).map(nameOf));
      amended.push(...pending.filter(({ id }) => written.has(nameOf(id))));
      open = pending.filter(({ id }) => !written.has(nameOf(id))).map(({ id }) => id);
    }
    return amended;
  }

  async read(id: FlowId): Promise<StoredFlow | undefined> {
    const [flow] = await readFlows(this.#database.sql, [id]);
    return flow;
  }

  async list({ flow, status, isLate = false, after, limit }: FlowFilter): Promise<readonly StoredFlow[]> {
    const { sql } = this.#database;
    const isOfStatus = status === undefined ? sql`` : sql`and status = ${status}`;
    const isAmongLate = isLate ? sql`and late_at is not null` : sql``;
    const isAfter =
      after === undefined
        ? sql``
        : sql`and (started_at, key) < (${after.startedAt}::timestamptz, ${after.key}::text)`;
    const rows = await sql<WireFlow>`
      select ${columns(sql)} from banyan.flow as f
      where flow = ${flow} ${isOfStatus} ${isAmongLate} ${isAfter}
      order by started_at desc, key desc limit ${limit} ${freshPlan}`;
    return rows.map(toStored);
  }

  async outdated(flow: string, fingerprint: string, limit: number): Promise<readonly FlowId[]> {
    return this.#database.sql<{ flow: string; key: string }>`
      select flow, key from banyan.flow where flow = ${flow} and ended_at is null and fingerprint <> ${fingerprint}
      limit ${limit} ${freshPlan}`;
  }

  async judge(
    sql: Sql,
    flow: string,
    { now, horizon }: { readonly now: string; readonly horizon: string },
  ): Promise<FlowStanding> {
    await sql`update banyan.flow set late_at = ${now}::timestamptz, version = version + 1
      where flow = ${flow} and due_at < ${horizon}::timestamptz and ended_at is null and dismissed_at is null and late_at is null
      ${freshPlan}`;
    const [row] = await sql<Omit<FlowStanding, 'flow'>>`
      select count(*) filter (where status = 'open') as open, count(*) filter (where status = 'failing') as failing,
        count(late_at) as late, ${ageMs(sql, now, sql`min(started_at)`)} as oldest_ms,
        ${ageMs(sql, now, sql`min(due_at) filter (where late_at is not null)`)} as late_ms
      from banyan.flow where flow = ${flow} and ended_at is null and dismissed_at is null ${freshPlan}`;
    return { flow, open: 0, failing: 0, late: 0, oldestMs: 0, lateMs: 0, ...row };
  }

  /** Looks again: another instance may know more by now than whoever asks did when it looked. */
  async noteAlarm(sql: Sql, flow: string, isLate: boolean): Promise<boolean> {
    const late = sql`exists (select from banyan.flow where flow = ${flow} and late_at is not null and ended_at is null)`;
    const changed = isLate
      ? await sql`insert into banyan.flow_alarm (flow) select ${flow} where ${late} on conflict do nothing returning flow`
      : await sql`delete from banyan.flow_alarm where flow = ${flow} and not ${late} returning flow`;
    return changed.length > 0;
  }

  async dismiss({ flow, key }: FlowId, by: string): Promise<boolean> {
    const rows = await this.#database.sql`
      with dismissed as (
        update banyan.flow set dismissed_at = clock_timestamp(), dismissed_by = ${by}, late_at = null, version = version + 1
        where flow = ${flow} and key = ${key} and ended_at is null and dismissed_at is null returning flow, key
      )
      insert into banyan.flow_audit (actor, action, flow, key) select ${by}, 'dismiss', flow, key from dismissed returning 1`;
    return rows.length > 0;
  }

  async audit(limit: number): Promise<readonly FlowAuditEntry[]> {
    return this.#database.sql<{ at: string; actor: string; action: string; flow: string; key: string }>`
      select at, actor, action, flow, key from banyan.flow_audit order by seq desc limit ${limit}`;
  }

  async prune(flow: string, before: string): Promise<number> {
    for (let total = 0; ; ) {
      const gone = await this.#database.sql`
        delete from banyan.flow where (flow, key) in (
          select flow, key from banyan.flow
          where flow = ${flow} and (ended_at is not null or dismissed_at is not null)
            and coalesce(ended_at, dismissed_at) < ${before}::timestamptz
          limit ${pruneStep} ${freshPlan} for update skip locked
        ) returning 1`;
      total += gone.length;
      if (gone.length < pruneStep) return total;
    }
  }
}

interface VersionedFlow extends StoredFlow {
  readonly version: number;
}

/** One look-up by primary key for each, in one statement, however young the statistics are. */
async function readFlows(sql: Sql, ids: readonly FlowId[]): Promise<readonly VersionedFlow[]> {
  const rows = await sql<WireFlow>`
    select ${columns(sql)}
    from unnest(${texts(sql, ids, ({ flow }) => flow)}, ${texts(sql, ids, ({ key }) => key)}) as wanted (flow, key)
    cross join lateral (
      select * from banyan.flow as each where each.flow = wanted.flow and each.key = wanted.key limit 1
    ) as f ${freshPlan}`;
  return rows.map(toStored);
}

/** In one order everywhere, so that two pages of events do not wait for each other. Resolves with those that nobody else has written meanwhile. */
function writeFlows(sql: Sql, pending: readonly Pending[]): PromiseLike<readonly FlowId[]> {
  const column = (pick: (change: FlowChange) => string | undefined) =>
    texts(
      sql,
      pending.map(({ after }) => after),
      pick,
    );
  return sql<{ flow: string; key: string }>`
    insert into banyan.flow as f (flow, key, version, seen, fingerprint, status, started_at, last_at, due_at, ended_at)
    select flow, key, version, seen::json, fingerprint, status, started_at::timestamptz, last_at::timestamptz,
      due_at::timestamptz, ended_at::timestamptz
    from unnest(
      ${column(({ flow }) => flow)}, ${column(({ key }) => key)},
      ${sql.array(
        pending.map(({ before }) => (before?.version ?? 0) + 1),
        'int4',
      )},
      ${column(({ seen }) => JSON.stringify(seen))}, ${column(({ fingerprint }) => fingerprint)}, ${column(({ status }) => status)},
      ${column(({ startedAt }) => startedAt)}, ${column(({ lastAt }) => lastAt)}, ${column(({ dueAt }) => dueAt)},
      ${column(({ endedAt }) => endedAt)}
    ) as w (flow, key, version, seen, fingerprint, status, started_at, last_at, due_at, ended_at)
    order by flow collate "C", key collate "C"
    on conflict (flow, key) do update set
      version = excluded.version, seen = excluded.seen, fingerprint = excluded.fingerprint, status = excluded.status,
      started_at = excluded.started_at, last_at = excluded.last_at, due_at = excluded.due_at, ended_at = excluded.ended_at,
      late_at = case when excluded.due_at = f.due_at then f.late_at end
    where f.version = excluded.version - 1
    returning f.flow, f.key`;
}

function texts<Item>(sql: Sql, items: readonly Item[], pick: (item: Item) => string | undefined) {
  return sql.array(
    items.map((item) => pick(item) ?? null),
    'text',
  );
}

function ageMs(sql: Sql, now: string, time: ReturnType<Sql>) {
  return sql`coalesce(greatest(extract(epoch from ${now}::timestamptz - ${time}) * 1000, 0), 0)::float8`;
}

interface WireFlow {
  readonly flow: string;
  readonly key: string;
  readonly version: number;
  readonly seen: Seen;
  readonly fingerprint: string;
  readonly status: FlowStatus;
  readonly startedAt: string;
  readonly lastAt: string;
  readonly dueAt: string | null;
  readonly endedAt: string | null;
  readonly lateAt: string | null;
  readonly dismissedAt: string | null;
  readonly dismissedBy: string | null;
}

function columns(sql: Sql) {
  return sql`f.flow, f.key, f.version, f.seen, f.fingerprint, f.status, f.started_at, f.last_at, f.due_at, f.ended_at, f.late_at,
    f.dismissed_at, f.dismissed_by`;
}

function toStored({ dueAt, endedAt, lateAt, dismissedAt, dismissedBy, ...row }: WireFlow): VersionedFlow {
  const dismissed =
    dismissedAt === null ? undefined : { by: dismissedBy ?? '', at: toMilliseconds(dismissedAt) };
  const optional = (time: string | null) => (time === null ? undefined : toMilliseconds(time));
  const startedAt = toMilliseconds(row.startedAt);
  const lastAt = toMilliseconds(row.lastAt);
  const times = { dueAt: optional(dueAt), endedAt: optional(endedAt), lateAt: optional(lateAt) };
  return { ...row, ...times, startedAt, lastAt, dismissed };
}

/** PostgreSQL leaves out a fraction of zero. */
function toMilliseconds(time: string): string {
  return new Date(time).toISOString();
}

function nameOf({ flow, key }: FlowId): string {
  return `${flow} ${key}`;
}
