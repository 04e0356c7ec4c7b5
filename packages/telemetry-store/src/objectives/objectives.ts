import { type Clock, type Logger, type Sql, uuidv7 } from '@banyan/core';
import { countWithin } from '../traffic/duration-marks.ts';
import { readTraffic } from '../traffic/read-traffic.ts';
import type { TrafficKeeper } from '../traffic/traffic-keeper.ts';
import type { TrafficRow } from '../traffic/traffic-sums.ts';
import { type Alert, type AlertRow, toAlert } from './alerts.ts';
import {
  type AlertLevel,
  alertLevels,
  type BurnRate,
  budgetLeft,
  burnRatesOf,
  burnRules,
  defaultWindowDays,
  type Objective,
  type Requests,
} from './burn-rate.ts';

/** An objective, and how it stands. */
export interface ObjectiveState extends Objective {
  readonly good: number;
  readonly total: number;
  readonly attained: number;
  readonly budgetLeft: number;
  readonly burnRates: readonly BurnRate[];
}

export interface ObjectivesOptions {
  readonly sql: Sql;
  readonly traffic: TrafficKeeper;
  /** Who is to be told of alerts, see `Notices`. */
  readonly channels: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of each alert when it begins, and when it ends. */
  readonly onAlert: (alert: Alert) => void;
}

interface ObjectiveRow {
  readonly objectiveId: string;
  readonly service: string;
  readonly operation: string | null;
  readonly version: string | null;
  readonly target: number;
  readonly withinMs: number | null;
  readonly windowDays: number;
}

const shortMs = 2 * 3_600_000;
const longestRuleMs = Math.max(...burnRules.map(({ longMs }) => longMs));

/** Objectives of operations, how they are kept, and the alerts about them. */
export class Objectives {
  readonly #options: ObjectivesOptions;

  constructor(options: ObjectivesOptions) {
    this.#options = options;
  }

  async list(): Promise<readonly ObjectiveState[]> {
    const objectives = await this.#read();
    return Promise.all(objectives.map((objective) => this.#stateOf(objective)));
  }

  async set(objective: Objective): Promise<ObjectiveState> {
    const { objectiveId, service, operation, version, target, withinMs, windowDays } = objective;
    await this.#options.sql`
      insert into telemetry.objectives (objective_id, service, operation, version, target, within_ms, window_days)
      values (${objectiveId}, ${service}, ${operation ?? null}, ${version ?? null}, ${target}, ${withinMs ?? null},
        ${windowDays ?? defaultWindowDays})
      on conflict (objective_id) do update set service = excluded.service, operation = excluded.operation,
        version = excluded.version, target = excluded.target, within_ms = excluded.within_ms, window_days = excluded.window_days`;
    return this.#stateOf(objective);
  }

  /** False if there was none. */
  async remove(objectiveId: string): Promise<boolean> {
    const removed = await this.#options.sql`
      delete from telemetry.objectives where objective_id = ${objectiveId} returning objective_id`;
    for (const level of alertLevels) await this.#end(objectiveId, level);
    return removed.length > 0;
  }

  /** Those that fire first, then the newest; at most 200. */
  async alerts(): Promise<readonly Alert[]> {
    const rows = await this.#options.sql<AlertRow>`
      select * from telemetry.alerts order by ended_at is not null, started_at desc limit 200`;
    return rows.map(toAlert);
  }

  /** Looks at every objective, and begins and ends alerts. */
  async watch(): Promise<void> {
    for (const objective of await this.#read()) {
      const burnRates = burnRatesOf(objective, await this.#requestsOf(objective, longestRuleMs));
      for (const level of alertLevels) {
        const firing = burnRates.find((rate) => rate.level === level && rate.isFiring);
        if (firing === undefined) await this.#end(objective.objectiveId, level);
        else await this.#begin(objective, firing);
      }
    }
  }

  async #read(): Promise<readonly Objective[]> {
    const rows = await this.#options
      .sql<ObjectiveRow>`select * from telemetry.objectives order by objective_id`;
    return rows.map(({ operation, version, withinMs, ...row }) => ({
      ...row,
      ...(operation === null ? undefined : { operation }),
      ...(version === null ? undefined : { version }),
      ...(withinMs === null ? undefined : { withinMs }),
    }));
  }

  async #stateOf(objective: Objective): Promise<ObjectiveState> {
    const windowMs = (objective.windowDays ?? defaultWindowDays) * 86_400_000;
    const requestsOf = await this.#requestsOf(objective, Math.max(windowMs, longestRuleMs));
    const all = requestsOf(windowMs);
    return {
      ...objective,
      ...all,
      attained: all.total === 0 ? 1 : all.good / all.total,
      budgetLeft: budgetLeft(all, objective.target),
      burnRates: burnRatesOf(objective, requestsOf),
    };
  }

  /** A function that counts good requests of the last milliseconds, up to `mostMs`; short times by ten seconds, long ones by five minutes. */
  async #requestsOf(objective: Objective, mostMs: number): Promise<(ms: number) => Requests> {
    const { sql, traffic, clock } = this.#options;
    const nowMs = clock.nowMs();
    const read = async (ms: number) => {
      const window = { fromUs: (nowMs - ms) * 1_000, toUs: nowMs * 1_000, service: objective.service };
      return readTraffic(sql, traffic, { ...window, kinds: ['server', 'consumer'] });
    };
    const [recent, long] = await Promise.all([read(shortMs), read(mostMs)]);
    return (ms) => {
      const rows = ms <= shortMs ? recent : long;
      return count(rows, { objective, fromSeconds: (nowMs - ms) / 1_000 });
    };
  }

  async #begin(objective: Objective, rate: BurnRate): Promise<void> {
    const { sql, channels, clock, onAlert } = this.#options;
    const { objectiveId } = objective;
    const startedAt = new Date(clock.nowMs()).toISOString();
    const [row] = await sql<AlertRow>`
      with alert as (
        insert into telemetry.alerts (alert_id, objective_id, level, started_at, summary)
        select ${uuidv7()}::uuid, ${objectiveId}, ${rate.level}, ${startedAt}, ${summaryOf(objective, rate)}
        where not exists (select from telemetry.alerts
          where objective_id = ${objectiveId} and level = ${rate.level} and ended_at is null)
        returning *
      ), notice as (
        insert into telemetry.alert_notices (alert_id, channel, is_end, created_at, due_at)
        select alert_id, channel, false, started_at, started_at
        from alert cross join unnest(${sql.array([...channels], 'text')}) as channel
      ) select * from alert`;
    if (row !== undefined) onAlert(toAlert(row));
  }

  async #end(objectiveId: string, level: AlertLevel): Promise<void> {
    const { sql, clock, onAlert } = this.#options;
    const rows = await sql<AlertRow>`
      with alert as (
        update telemetry.alerts set ended_at = ${new Date(clock.nowMs()).toISOString()}
        where objective_id = ${objectiveId} and level = ${level} and ended_at is null returning *
      ), notice as (
        insert into telemetry.alert_notices (alert_id, channel, is_end, created_at, due_at)
        select alert_id, channel, true, ended_at, ended_at
        from alert join telemetry.alert_notices as begun using (alert_id) where not begun.is_end
      ) select * from alert`;
    for (const row of rows) onAlert(toAlert(row));
  }
}

interface Counting {
  readonly objective: Objective;
  readonly fromSeconds: number;
}

function count(
  rows: readonly TrafficRow[],
  { objective: { operation, version, withinMs }, fromSeconds }: Counting,
): Requests {
  let good = 0;
  let total = 0;
  for (const row of rows) {
    if (row.bucket < fromSeconds) continue;
    if (operation !== undefined && row.target !== operation) continue;
    if (version !== undefined && row.version !== version) continue;
    total += row.count;
    // Failed and slow ones are not told apart: whichever are more are counted, and nobody twice.
    const fast = withinMs === undefined ? row.count : countWithin(row.marks, withinMs);
    good += Math.min(row.count - row.errors, fast);
  }
  return { good, total };
}

function summaryOf({ service, operation, version, target }: Objective, rate: BurnRate): string {
  const what = [operation ?? service, version].filter(Boolean).join(' ');
  const hours = rate.longMs / 3_600_000;
  return `${what}: the error budget of ${target * 100} % goes ${rate.long.toFixed(1)} times too fast (over ${hours} h)`;
}
