import type { Sql } from '@banyan/core';
import type { FlowStatus, Seen } from './picture.ts';

export interface FlowId {
  readonly flow: string;
  readonly key: string;
}

/** What is written of a flow: what was seen, and what follows from it, to find it by. Times are RFC 3339. */
export interface FlowChange extends FlowId {
  readonly seen: Seen;
  readonly status: FlowStatus;
  readonly fingerprint: string;
  readonly startedAt: string;
  readonly lastAt: string;
  readonly dueAt: string | undefined;
  readonly endedAt: string | undefined;
}

export interface StoredFlow extends FlowChange {
  /** Since when it is known to be late. */
  readonly lateAt: string | undefined;
  /** An operator said that nobody waits for it any more. */
  readonly dismissed: { readonly by: string; readonly at: string } | undefined;
}

export interface FlowFilter {
  readonly flow: string;
  readonly status?: FlowStatus | undefined;
  /** Those that are late. */
  readonly isLate?: boolean | undefined;
  /** Of the page before: its last flow. */
  readonly after?: { readonly startedAt: string; readonly key: string } | undefined;
  readonly limit: number;
}

/** How the flows of one kind fare. Dismissed ones do not count. */
export interface FlowStanding {
  readonly flow: string;
  readonly open: number;
  readonly failing: number;
  /** Of those. */
  readonly late: number;
  /** Age of the oldest that has not ended, by its first event; 0 if there is none. */
  readonly oldestMs: number;
  /** For how long the one that is late for longest has been; 0 if none is. */
  readonly lateMs: number;
}

/** What an operator did to a flow. */
export interface FlowAuditEntry extends FlowId {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
}

/** Flows in the database of the service that watches them. */
export interface FlowStore {
  /**
   * Reads each flow and writes what `change` makes of it, in the transaction of `sql`; safe beside others that do the same, `change` is then asked again.
   * `change` gets undefined for a flow that is not known, and returns undefined for one that stays as it is. Resolves with what was written.
   */
  amend(
    sql: Sql,
    ids: readonly FlowId[],
    change: (id: FlowId, stored: StoredFlow | undefined) => FlowChange | undefined,
  ): Promise<readonly { readonly before: StoredFlow | undefined; readonly after: FlowChange }[]>;
  read(id: FlowId): Promise<StoredFlow | undefined>;
  /** Newest first, by their first event. */
  list(filter: FlowFilter): Promise<readonly StoredFlow[]>;
  /** Some that have not ended and were written by another definition than that of `fingerprint`; at most `limit`. */
  outdated(flow: string, fingerprint: string, limit: number): Promise<readonly FlowId[]>;
  /** Marks as late what was due before `horizon` and has not ended; resolves with how the flows stand at `now`. In the transaction of `sql`. */
  judge(
    sql: Sql,
    flow: string,
    when: { readonly now: string; readonly horizon: string },
  ): Promise<FlowStanding>;
  /** Notes whether the flows are late, if that is still so; resolves with true if it is news to all instances of the service. In the transaction of `sql`. */
  noteAlarm(sql: Sql, flow: string, isLate: boolean): Promise<boolean>;
  /** On record with who did it. Resolves with false, and leaves no record, if there is no such flow that is under way. */
  dismiss(id: FlowId, by: string): Promise<boolean>;
  /** What operators did, newest first. */
  audit(limit: number): Promise<readonly FlowAuditEntry[]>;
  /** Forgets flows that ended, or were dismissed, before; resolves with how many. */
  prune(flow: string, before: string): Promise<number>;
}
