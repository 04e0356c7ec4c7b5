import type { Sql } from '@banyan/core';
import { fromCursor, toCursor } from '../pages/page-cursor.ts';
import { toTime } from '../traces/summary.ts';

export const errorStates = ['open', 'resolved', 'ignored'] as const;
/** What operators have decided about a group. */
export type ErrorState = (typeof errorStates)[number];

/** Errors of one service with the same cause, counted. */
export interface ErrorGroup {
  readonly groupId: string;
  readonly service: string;
  readonly type: string;
  readonly message: string;
  readonly place: string;
  readonly count: number;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
  readonly state: ErrorState;
  readonly owner?: string;
}

/** A group of errors with what is known of one of them. */
export interface ErrorDetail extends ErrorGroup {
  readonly stack: string;
  /** Newest first. */
  readonly samples: readonly {
    readonly traceId?: string;
    readonly spanId?: string;
    readonly at: string;
    readonly message: string;
  }[];
}

/** Which groups are listed. */
export interface ErrorQuery {
  readonly service?: string | undefined;
  readonly state?: ErrorState | undefined;
  readonly text?: string | undefined;
  readonly limit: number;
  readonly after?: string | undefined;
}

interface GroupRow extends Omit<ErrorGroup, 'firstSeenAt' | 'lastSeenAt' | 'owner'> {
  readonly firstUs: number;
  readonly lastUs: number;
  readonly owner: string | null;
}

interface DetailRow extends GroupRow {
  readonly stack: string;
  readonly samples: readonly { traceId?: string; spanId?: string; atUs: number; message: string }[];
}

/** Those seen last first. */
export async function listErrorGroups(
  sql: Sql,
  query: ErrorQuery,
): Promise<{ readonly groups: readonly ErrorGroup[]; readonly next?: string }> {
  const { service, state, text, limit, after } = query;
  const [lastUs, groupId] =
    after === undefined
      ? [Number.MAX_SAFE_INTEGER, '~']
      : fromCursor(after, [0, ''] as const as readonly [number, string]);
  const pattern = `%${(text ?? '').replace(/[\\%_]/g, '\\$&')}%`;
  const rows = await sql<GroupRow>`
    select group_id, service, type, message, place, count, first_us, last_us, state, owner
    from telemetry.error_groups
    where (last_us, group_id) < (${lastUs}::int8, ${groupId})
      and (${service ?? null}::text is null or service = ${service ?? null})
      and (${state ?? null}::text is null or state = ${state ?? null})
      and (type || ' ' || message || ' ' || place) ilike ${pattern}
    order by last_us desc, group_id desc limit ${limit + 1}`;
  const groups = rows.slice(0, limit);
  const last = groups.at(-1);
  return {
    groups: groups.map(toGroup),
    ...(rows.length > limit && last !== undefined
      ? { next: toCursor([last.lastUs, last.groupId]) }
      : undefined),
  };
}

export async function readErrorGroup(sql: Sql, groupId: string): Promise<ErrorDetail | undefined> {
  const [row] = await sql<DetailRow>`select * from telemetry.error_groups where group_id = ${groupId}`;
  if (row === undefined) return undefined;
  const samples = row.samples.map(({ atUs, ...sample }) => ({ ...sample, at: toTime(atUs) }));
  return { ...toGroup(row), stack: row.stack, samples };
}

/** @returns the group as it is then */
export async function changeErrorGroup(
  sql: Sql,
  groupId: string,
  { state, owner }: { readonly state?: ErrorState | undefined; readonly owner?: string | undefined },
): Promise<ErrorGroup | undefined> {
  const [row] = await sql<GroupRow>`
    update telemetry.error_groups set state = coalesce(${state ?? null}, state),
      owner = case when ${owner ?? null}::text is null then owner else nullif(${owner ?? null}, '') end
    where group_id = ${groupId} returning *`;
  return row && toGroup(row);
}

function toGroup({ groupId, service, type, message, place, count, state, ...row }: GroupRow): ErrorGroup {
  return {
    groupId,
    service,
    type,
    message,
    place,
    count,
    state,
    firstSeenAt: toTime(row.firstUs),
    lastSeenAt: toTime(row.lastUs),
    ...(row.owner === null ? undefined : { owner: row.owner }),
  };
}
