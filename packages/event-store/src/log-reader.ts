import type { Sql } from '@banyan/core';
import { readLag, type SubscriptionLag } from './checkpoints.ts';

/** How a reader of the log stands. */
export interface ReaderStanding extends SubscriptionLag {
  /** Positions that the version of this code has not passed, if readers still see another one; else 0. */
  readonly building: number;
  /** What it failed of last, until it succeeds. */
  readonly lastError: unknown;
}

/** A subscription or projection as those who look after its service see it: it may fall behind, and must not for long. */
export interface LogReader {
  readonly name: string;
  /** From when on being behind is an alarm: age of the oldest event that it has not passed, or its readers do not see yet. */
  readonly overdueAfterMs: number;
  standing(): Promise<ReaderStanding>;
  /**
   * Notes, in the transaction of `sql`, that it is overdue or no longer is. False if that was noted before, here or by another instance: so that an
   * alarm is raised once and cleared once.
   */
  noteOverdue(sql: Sql, isOverdue: boolean): Promise<boolean>;
}

export interface LogReaderOptions {
  readonly name: string;
  readonly sql: Sql;
  /** Name of the subscription that this code runs. */
  readonly own: string;
  /** Name of the one whose effect is seen, which for a projection is that of the live version; default `own`. */
  readonly shown?: () => Promise<string>;
  readonly overdueAfterMs?: number | undefined;
  readonly lastError: () => unknown;
}

const defaultBoundMs = 60_000;

export function createLogReader(options: LogReaderOptions): LogReader {
  const { name, sql, own, shown = async () => own, overdueAfterMs = defaultBoundMs, lastError } = options;
  if (!(overdueAfterMs > 0)) throw new TypeError(`'${name}': 'overdueAfterMs' is more than 0.`);
  return {
    name,
    overdueAfterMs,
    async standing() {
      const seen = await shown();
      const [lag, ownLag] = await Promise.all([
        readLag(sql, seen),
        seen === own ? undefined : readLag(sql, own),
      ]);
      return { ...lag, building: ownLag?.positions ?? 0, lastError: lastError() };
    },
    async noteOverdue(tx, isOverdue) {
      const noted = isOverdue
        ? await tx`insert into banyan.event_alarm (reader) values (${name}) on conflict do nothing returning 1`
        : await tx`delete from banyan.event_alarm where reader = ${name} returning 1`;
      return noted.length === 1;
    },
  };
}
