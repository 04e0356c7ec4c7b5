import type { Clock, Logger, Sql } from '@banyan/core';
import { type ErrorAppearance, readErrorAppearance } from '../errors/error-appearance.ts';
import { type Alert, type AlertRow, toAlert } from './alerts.ts';

/** An alert that has begun or, with `endedAt`, ended; or errors that have appeared. */
export type News =
  | { readonly kind: 'alert'; readonly alert: Alert }
  | { readonly kind: 'error'; readonly error: ErrorAppearance };

/** Something that somebody is still to be told. */
export interface Notice {
  readonly noticeId: number;
  /** An alert is without `endedAt` if this is about its begin, even if it has ended by now. */
  readonly news: News;
  /** That have failed. */
  readonly attempts: number;
}

export interface NoticesOptions {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface NoticeRow {
  readonly noticeId: number;
  readonly alertId: string | null;
  readonly groupId: string | null;
  readonly appearance: number | null;
  readonly isEnd: boolean;
  readonly attempts: number;
}

const claimMs = 60_000;
const firstBackoffMs = 1_000;
const maxBackoffMs = 300_000;
const giveUpAfterMs = 86_400_000;

/** Notices are committed with what they are about, so that they are told after a restart, too: at least once. */
export class Notices {
  readonly #options: NoticesOptions;

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  /** The oldest one that is due, alerts first. The end of an alert is due when its begin is told or given up. */
  async claim(channel: string): Promise<Notice | undefined> {
    await this.#giveUp(channel);
    const [row] = await this.#options.sql<NoticeRow>`
      update telemetry.alert_notices set due_at = ${this.#timeIn(claimMs)}
      where notice_id = (
        select notice_id from telemetry.alert_notices as notice
        where due_at <= ${this.#timeIn(0)} and channel = ${channel}
          and not (is_end and exists (select from telemetry.alert_notices as first
            where first.alert_id = notice.alert_id and first.channel = notice.channel
              and not first.is_end and first.due_at is not null))
        order by alert_id is null, notice_id limit 1 for update skip locked
      ) returning notice_id, alert_id, group_id, appearance, is_end, attempts`;
    if (row === undefined) return undefined;
    const { noticeId, attempts } = row;
    const news = await this.#newsOf(row);
    // What it was about has just been removed, and the notice with it.
    return news === undefined ? this.claim(channel) : { noticeId, attempts, news };
  }

  async #newsOf({ alertId, groupId, appearance, isEnd }: NoticeRow): Promise<News | undefined> {
    const { sql } = this.#options;
    if (groupId !== null) {
      const error = await readErrorAppearance(sql, groupId, appearance ?? 1);
      return error && { kind: 'error', error };
    }
    const [row] = await sql<AlertRow>`select * from telemetry.alerts where alert_id = ${alertId}::uuid`;
    if (row === undefined) return undefined;
    const { endedAt, ...begun } = toAlert(row);
    return { kind: 'alert', alert: isEnd && endedAt !== undefined ? { ...begun, endedAt } : begun };
  }

  async told(noticeId: number): Promise<void> {
    await this.#options.sql`
      update telemetry.alert_notices set told_at = ${this.#timeIn(0)}, due_at = null where notice_id = ${noticeId}`;
  }

  /** It is due again after a back-off of a second to five minutes. */
  async failed({ noticeId, attempts }: Notice): Promise<void> {
    const backoffMs = Math.min(firstBackoffMs * 2 ** Math.min(attempts, 20), maxBackoffMs);
    await this.#options.sql`
      update telemetry.alert_notices set attempts = attempts + 1, due_at = ${this.#timeIn(backoffMs)}
      where notice_id = ${noticeId}`;
  }

  /** What nobody heard of for a day is no reason to look now. */
  async #giveUp(channel: string): Promise<void> {
    const { sql, logger } = this.#options;
    const givenUp = await sql<{ alertId: string | null; groupId: string | null; attempts: number }>`
      update telemetry.alert_notices set due_at = null
      where due_at is not null and channel = ${channel} and created_at < ${this.#timeIn(-giveUpAfterMs)}
      returning alert_id, group_id, attempts`;
    for (const fields of givenUp)
      logger.error('nobody could be told of this for a day; giving it up', { ...fields, channel });
  }

  #timeIn(ms: number): string {
    return new Date(this.#options.clock.nowMs() + ms).toISOString();
  }
}
