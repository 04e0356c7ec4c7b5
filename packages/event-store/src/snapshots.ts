import type { Sql } from '@banyan/core';

export interface Snapshot {
  /** Of the last event in it. */
  readonly revision: number;
  readonly recordedAt: string;
  /** Whose personal data may be in it. */
  readonly subjects: readonly string[];
  readonly state: unknown;
}

export async function findSnapshot(sql: Sql, stream: string, shape: string): Promise<Snapshot | undefined> {
  const [row] = await sql<Snapshot>`
    select revision, recorded_at, subjects, state from banyan.event_snapshot where stream = ${stream} and shape = ${shape}`;
  return row;
}

/** Keeps the newest. With personal data only while every subject has its key, or what was forgotten would be kept here. */
export async function saveSnapshot(
  sql: Sql,
  { stream, shape }: { readonly stream: string; readonly shape: string },
  { revision, recordedAt, subjects, state }: Snapshot,
): Promise<void> {
  await sql`
    insert into banyan.event_snapshot as s (stream, shape, revision, recorded_at, subjects, state)
    select ${stream}, ${shape}, ${revision}::int8, ${recordedAt}::timestamptz, ${sql.array(subjects, 'text')}, ${JSON.stringify(state)}::json
    where (
      select count(*) from (
        select from banyan.event_key where subject = any(${sql.array(subjects, 'text')}) and wrapped is not null for share
      ) as k
    ) = ${subjects.length}::int8
    on conflict (stream) do update set
      shape = excluded.shape, revision = excluded.revision, recorded_at = excluded.recorded_at,
      subjects = excluded.subjects, state = excluded.state
    where s.shape <> excluded.shape or s.revision < excluded.revision`;
}
