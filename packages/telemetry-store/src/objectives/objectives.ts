import type { Clock, Sql } from '@banyan/core';
import { type Alerts, alertLevels } from '../alerts/alerts.ts';
import { countWithin } from '../traffic/duration-marks.ts';
import { readTraffic } from '../traffic/read-traffic.ts';
import type { TrafficKeeper } from '../traffic/traffic-keeper.ts';
import type { TrafficRow } from '../traffic/traffic-sums.ts';
import {
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
  readonly alerts: Alerts;
  readonly clock: Clock;
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
    for (const level of alertLevels) await this.#options.alerts.end({ objectiveId }, level);
    return removed.length > 0;
  }

  /** Looks at every objective, and begins and ends alerts. */
  async watch(): Promise<void> {
    const { alerts } = this.#options;
    for (const objective of await this.#read()) {
      const subject = { objectiveId: objective.objectiveId };
      const burnRates = burnRatesOf(objective, await this.#requestsOf(objective, longestRuleMs));
      for (const level of alertLevels) {
        const firing = burnRates.find((rate) => rate.level === level && rate.isFiring);
        if (firing === undefined) await alerts.end(subject, level);
        else await alerts.begin(subject, level, summaryOf(objective, firing));
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
