import type { Sql } from '@banyan/core';
import type { Json } from './records.ts';

/** One start of a system, until its end. */
export interface SystemRun {
  readonly runId: string;
  readonly startedAt: string;
  /** Absent while it runs, and if it ended without saying so. */
  readonly endedAt?: string;
  readonly attributes: Readonly<Record<string, Json>>;
}

interface RunRow extends Omit<SystemRun, 'endedAt'> {
  readonly endedAt: string | null;
}

/** Newest first, at most 100. */
export async function listRuns(sql: Sql): Promise<readonly SystemRun[]> {
  const rows = await sql<RunRow>`select * from telemetry.runs order by started_at desc limit 100`;
  return rows.map(({ endedAt, ...run }) => ({ ...run, ...(endedAt === null ? undefined : { endedAt }) }));
}

export async function beginRun(sql: Sql, { runId, startedAt, attributes }: SystemRun): Promise<void> {
  await sql`
    insert into telemetry.runs (run_id, started_at, attributes)
    values (${runId}, ${startedAt}, ${sql.json(attributes)}) on conflict (run_id) do nothing`;
}

export async function endRun(sql: Sql, runId: string, endedAt: string): Promise<void> {
  await sql`update telemetry.runs set ended_at = ${endedAt} where run_id = ${runId}`;
}
