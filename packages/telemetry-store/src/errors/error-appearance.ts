import type { Sql } from '@banyan/core';
import { type ErrorGroup, readErrorGroup } from './error-groups.ts';

/** A group of errors that has come: it is new, or was resolved and is seen again. */
export interface ErrorAppearance extends ErrorGroup {
  /** The same each time that this is told, and no other's: whoever has it already knows. */
  readonly key: string;
  /** Of the group's first appearance; the same as `key` of a new one. */
  readonly firstKey: string;
  /** It was resolved before. */
  readonly isBack: boolean;
  /** Of the newest one of which a trace is known. */
  readonly traceId?: string;
}

/** As the group is now. */
export async function readErrorAppearance(
  sql: Sql,
  groupId: string,
  appearance: number,
): Promise<ErrorAppearance | undefined> {
  const detail = await readErrorGroup(sql, groupId);
  const prefix = await readKeyPrefix(sql, groupId);
  if (detail === undefined || prefix === undefined) return undefined;
  const { stack: _, samples, ...group } = detail;
  const traceId = samples.find((sample) => sample.traceId !== undefined)?.traceId;
  return {
    ...group,
    key: `${prefix}.${appearance}`,
    firstKey: `${prefix}.1`,
    isBack: appearance > 1,
    ...(traceId === undefined ? undefined : { traceId }),
  };
}

/** A group that was pruned and comes back has the same id, and counts its appearances from 1 again. Not the time when it was first seen: that changes when an older error comes late. */
async function readKeyPrefix(sql: Sql, groupId: string): Promise<string | undefined> {
  const [row] = await sql<{ createdMs: number | null }>`
    select (extract(epoch from created_at) * 1000)::int8 as created_ms
    from telemetry.error_groups where group_id = ${groupId}`;
  return row && (row.createdMs === null ? groupId : `${groupId}.${row.createdMs}`);
}
