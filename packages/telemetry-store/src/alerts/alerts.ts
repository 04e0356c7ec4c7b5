import { type Clock, type Sql, uuidv7 } from '@banyan/core';

export const alertLevels = ['page', 'ticket'] as const;
/** How soon somebody should look. */
export type AlertLevel = (typeof alertLevels)[number];

/** Something that somebody should look at, or should have: an error budget that burns too fast, or a burst of errors. */
export interface Alert {
  readonly alertId: string;
  /** Of the objective that it is about; either this or `errorRuleId`. */
  readonly objectiveId?: string;
  readonly errorRuleId?: string;
  readonly level: AlertLevel;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly summary: string;
}

export interface AlertRow extends Omit<Alert, 'objectiveId' | 'errorRuleId' | 'endedAt'> {
  readonly objectiveId: string | null;
  readonly errorRuleId: string | null;
  readonly endedAt: string | null;
}

export function toAlert(row: AlertRow): Alert {
  const { alertId, objectiveId, errorRuleId, level, startedAt, endedAt, summary } = row;
  return {
    alertId,
    ...(objectiveId === null ? undefined : { objectiveId }),
    ...(errorRuleId === null ? undefined : { errorRuleId }),
    ...{ level, startedAt, summary },
    ...(endedAt === null ? undefined : { endedAt }),
  };
}

/** What an alert is about. */
export type AlertSubject =
  | { readonly objectiveId: string; readonly errorRuleId?: undefined }
  | { readonly errorRuleId: string; readonly objectiveId?: undefined };

export interface AlertsOptions {
  readonly sql: Sql;
  /** Who is to be told of alerts, see `Notices`. */
  readonly channels: readonly string[];
  readonly clock: Clock;
  /** Told of each alert when it begins, and when it ends. */
  readonly onAlert: (alert: Alert) => void;
}

/** Alerts, of which a subject has one of each level at most that fires. */
export class Alerts {
  readonly #options: AlertsOptions;

  constructor(options: AlertsOptions) {
    this.#options = options;
  }

  /** Those that fire first, then the newest; at most 200. */
  async list(): Promise<readonly Alert[]> {
    const rows = await this.#options.sql<AlertRow>`
      select * from telemetry.alerts order by ended_at is not null, started_at desc limit 200`;
    return rows.map(toAlert);
  }

  async isFiring(subject: AlertSubject): Promise<boolean> {
    const { sql } = this.#options;
    const rows = await sql`select from telemetry.alerts where ${this.#isAbout(subject)} and ended_at is null`;
    return rows.length > 0;
  }

  /** Nothing if it fires already, or if what it is about was removed. */
  async begin(subject: AlertSubject, level: AlertLevel, summary: string): Promise<void> {
    const { sql, channels, clock, onAlert } = this.#options;
    const startedAt = new Date(clock.nowMs()).toISOString();
    const { objectiveId = null, errorRuleId = null } = subject;
    const [row] = await sql<AlertRow>`
      with subject as materialized (${this.#locked(subject)}), alert as (
        insert into telemetry.alerts (alert_id, objective_id, error_rule_id, level, started_at, summary)
        select ${uuidv7()}::uuid, ${objectiveId}, ${errorRuleId}, ${level}, ${startedAt}, ${summary} from subject
        where not exists (select from telemetry.alerts
          where ${this.#isAbout(subject)} and level = ${level} and ended_at is null)
        on conflict do nothing returning *
      ), notice as (
        insert into telemetry.alert_notices (alert_id, channel, is_end, created_at, due_at)
        select alert_id, channel, false, started_at, started_at
        from alert cross join unnest(${sql.array([...channels], 'text')}) as channel
      ) select * from alert`;
    if (row !== undefined) onAlert(toAlert(row));
  }

  /** Nothing if it does not fire. */
  async end(subject: AlertSubject, level: AlertLevel): Promise<void> {
    const { sql, clock, onAlert } = this.#options;
    const rows = await sql<AlertRow>`
      with alert as (
        update telemetry.alerts set ended_at = ${new Date(clock.nowMs()).toISOString()}
        where ${this.#isAbout(subject)} and level = ${level} and ended_at is null returning *
      ), notice as (
        insert into telemetry.alert_notices (alert_id, channel, is_end, created_at, due_at)
        select alert_id, channel, true, ended_at, ended_at
        from alert join telemetry.alert_notices as begun using (alert_id) where not begun.is_end
      ) select * from alert`;
    for (const row of rows) onAlert(toAlert(row));
  }

  /** Whoever removes it meanwhile waits, and then ends what has begun. */
  #locked({ objectiveId, errorRuleId }: AlertSubject) {
    const { sql } = this.#options;
    return objectiveId === undefined
      ? sql`select from telemetry.error_rules where rule_id = ${errorRuleId} for key share`
      : sql`select from telemetry.objectives where objective_id = ${objectiveId} for key share`;
  }

  #isAbout({ objectiveId, errorRuleId }: AlertSubject) {
    const { sql } = this.#options;
    return objectiveId === undefined
      ? sql`error_rule_id = ${errorRuleId}`
      : sql`objective_id = ${objectiveId}`;
  }
}
