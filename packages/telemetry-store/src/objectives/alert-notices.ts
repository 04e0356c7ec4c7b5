import type { Clock, Sql } from '@banyan/core';
import { type Alert, type AlertRow, toAlert } from './alerts.ts';

/** Something that somebody is still to be told. */
export interface AlertNotice {
  readonly noticeId: number;
  /** One of `alertChannels`. */
  readonly channel: string;
  /** Without `endedAt` if it is about the begin, even if it has ended by now. */
  readonly alert: Alert;
  /** That have failed. */
  readonly attempts: number;
}

export interface AlertNoticesOptions {
  readonly sql: Sql;
  readonly channels: readonly string[];
  readonly clock: Clock;
}

interface NoticeRow extends AlertRow {
  readonly noticeId: number;
  readonly channel: string;
  readonly isEnd: boolean;
  readonly attempts: number;
}

const firstBackoffMs = 1_000;
const maxBackoffMs = 300_000;
const giveUpAfterMs = 86_400_000;
const mostAtOnce = 100;

/** Notices lie beside their alerts, so that they are told after a restart, too: at least once. */
export class AlertNotices {
  readonly #options: AlertNoticesOptions;

  constructor(options: AlertNoticesOptions) {
    this.#options = options;
  }

  /** Oldest first. The end of an alert is due when its begin is told or given up. */
  async due(): Promise<readonly AlertNotice[]> {
    const { sql, channels } = this.#options;
    const rows = await sql<NoticeRow>`
      select notice_id, channel, is_end, attempts, alerts.* from telemetry.alert_notices as notice
      join telemetry.alerts using (alert_id)
      where due_at <= ${this.#now()} and channel = any(${sql.array([...channels], 'text')})
        and not (is_end and exists (select from telemetry.alert_notices as first
          where first.alert_id = notice.alert_id and first.channel = notice.channel
            and not first.is_end and first.due_at is not null))
      order by notice_id limit ${mostAtOnce}`;
    return rows.map(({ noticeId, channel, isEnd, attempts, ...row }) => {
      const { endedAt, ...begun } = toAlert(row);
      const alert = isEnd && endedAt !== undefined ? { ...begun, endedAt } : begun;
      return { noticeId: Number(noticeId), channel, attempts, alert };
    });
  }

  async told(noticeId: number): Promise<void> {
    await this.#options.sql`
      update telemetry.alert_notices set told_at = ${this.#now()}, due_at = null where notice_id = ${noticeId}`;
  }

  /** It is due again after a back-off of a second to five minutes. @returns false if it is given up, after a day */
  async failed({ noticeId, attempts }: AlertNotice): Promise<boolean> {
    const { sql, clock } = this.#options;
    const backoffMs = Math.min(firstBackoffMs * 2 ** Math.min(attempts, 20), maxBackoffMs);
    const again = new Date(clock.nowMs() + backoffMs).toISOString();
    const oldest = new Date(clock.nowMs() - giveUpAfterMs).toISOString();
    const rows = await sql<{ isDue: boolean }>`
      update telemetry.alert_notices
      set attempts = attempts + 1, due_at = case when created_at >= ${oldest} then ${again}::timestamptz end
      where notice_id = ${noticeId} returning due_at is not null as is_due`;
    return rows[0]?.isDue === true;
  }

  #now(): string {
    return new Date(this.#options.clock.nowMs()).toISOString();
  }
}
