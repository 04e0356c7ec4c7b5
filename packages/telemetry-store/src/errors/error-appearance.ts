import type { Sql } from '@banyan/core';
import { type ErrorGroup, readErrorGroup } from './error-groups.ts';

/** A group of errors that has come: it is new, or was resolved and is seen again. */
export interface ErrorAppearance extends ErrorGroup {
  /** The same each time that this is told, and no other's: whoever has it already knows. */
  readonly key: string;
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
  if (detail === undefined) return undefined;
  const { stack: _, samples, ...group } = detail;
  const traceId = samples.find((sample) => sample.traceId !== undefined)?.traceId;
  return {
    ...group,
    key: `${groupId}.${appearance}`,
    isBack: appearance > 1,
    ...(traceId === undefined ? undefined : { traceId }),
  };
}
