import type { Sql } from '@banyan/core';

/** As long as the sums for long windows are kept: the longest window of an objective. */
const historyDays = 35;
const maxErrorGroups = 10_000;
const maxRuns = 100;
/** Twice the longest window of a rule about errors. */
const errorCountsMs = 2 * 3_600_000;
const dayMs = 86_400_000;

/** Deletes what is in no partition, and would therefore be kept for ever. */
export async function pruneRows(sql: Sql, nowMs: number): Promise<void> {
  const oldestMs = nowMs - historyDays * dayMs;
  const oldestUs = oldestMs * 1_000;
  const oldest = new Date(oldestMs).toISOString();
  // What is sent lies at most a day ahead; more is from before a clock was set back.
  const newestMs = nowMs + 2 * dayMs;
  await sql`
    delete from telemetry.traffic_history
    where bucket < ${Math.floor(oldestMs / 1_000)} or bucket > ${Math.ceil(newestMs / 1_000)}`;
  await sql`
    delete from telemetry.error_groups where last_us < ${oldestUs} or group_id in (
      select group_id from telemetry.error_groups order by last_us desc offset ${maxErrorGroups})`;
  await sql`
    delete from telemetry.error_counts
    where bucket < ${Math.floor((nowMs - errorCountsMs) / 1_000)} or bucket > ${Math.ceil(newestMs / 1_000)}`;
  await sql`delete from telemetry.senders where last_seen_us < ${oldestUs}`;
  await sql`delete from telemetry.alerts where ended_at < ${oldest}`;
  await sql`delete from telemetry.writers where written_at < ${oldest}`;
  await sql`
    delete from telemetry.runs where run_id in (
      select run_id from telemetry.runs order by started_at desc offset ${maxRuns})`;
}
