import type { Clock, Logger, Sql } from '@banyan/core';
import { type Alert, type AlertRow, toAlert } from './alerts.ts';

/** Something that somebody is still to be told. */
export interface AlertNotice {
  readonly noticeId: number;
  /** Without `endedAt` if it is about the begin, even if it has ended by now. */
  readonly alert: Alert;
  /** That have failed. */
  readonly attempts: number;
}

export interface AlertNoticesOptions {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface NoticeRow extends AlertRow {
  readonly noticeId: number;
  readonly isEnd: boolean;
  readonly attempts: number;
}

const claimMs = 60_000;
const firstBackoffMs = 1_000;
const maxBackoffMs = 300_000;
const giveUpAfterMs = 86_400_000;

/** Notices lie beside their alerts, so that they are told after a restart, too: at least once. */
export class AlertNotices {
  readonly #options: AlertNoticesOptions;

  constructor(options: AlertNoticesOptions) {
    this.#options = options;
  }

  /** The oldest one that is due. The end of an alert is due when its begin is told or given up. */
  async claim(channel: string): Promise<AlertNotice | undefined> {
    await this.#giveUp(channel);
    const [row] = await this.#options.sql<NoticeRow>`
      with claimed as (
        update telemetry.alert_notices set due_at = ${this.#timeIn(claimMs)}
        where notice_id = (
          select notice_id from telemetry.alert_notices as notice
          where due_at <= ${this.#timeIn(0)} and channel = ${channel}
            and not (is_end and exists (select from telemetry.alert_notices as first
              where first.alert_id = notice.alert_id and first.channel = notice.channel
                and not first.is_end and first.due_at is not null))
          order by notice_id limit 1 for update skip locked
        ) returning notice_id, alert_id, is_end, attempts
      )
      select notice_id, is_end, attempts, alerts.* from claimed join telemetry.alerts using (alert_id)`;
    if (row === undefined) return undefined;
    const { noticeId, isEnd, attempts, ...alertRow } = row;
    const { endedAt, ...begun } = toAlert(alertRow);
    const alert = isEnd && endedAt !== undefined ? { ...begun, endedAt } : begun;
    return { noticeId: Number(noticeId), attempts, alert };
  }

  async told(noticeId: number): Promise<void> {
    await this.#options.sql`
      update telemetry.alert_notices set told_at = ${this.#timeIn(0)}, due_at = null where notice_id = ${noticeId}`;
  }

  /** It is due again after a back-off of a second to five minutes. */
  async failed({ noticeId, attempts }: AlertNotice): Promise<void> {
    const backoffMs = Math.min(firstBackoffMs * 2 ** Math.min(attempts, 20), maxBackoffMs);
    await this.#options.sql`
      update telemetry.alert_notices set attempts = attempts + 1, due_at = ${this.#timeIn(backoffMs)}
      where notice_id = ${noticeId}`;
  }

  /** What nobody heard of for a day is no reason to look now. */
  async #giveUp(channel: string): Promise<void> {
    const { sql, logger } = this.#options;
    const givenUp = await sql<{ alertId: string; attempts: number }>`
      update telemetry.alert_notices set due_at = null
      where due_at is not null and channel = ${channel} and created_at < ${this.#timeIn(-giveUpAfterMs)}
      returning alert_id, attempts`;
    for (const fields of givenUp)
      logger.error('nobody could be told of an alert for a day; giving it up', { ...fields, channel });
  }

  #timeIn(ms: number): string {
    return new Date(this.#options.clock.nowMs() + ms).toISOString();
  }
}
