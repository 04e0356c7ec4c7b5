import type { Clock, Sql } from '@banyan/core';
import { type AlertLevel, type Alerts, alertLevels } from '../alerts/alerts.ts';
import { errorBucketSeconds } from './record-sightings.ts';

/** How many errors are too many: more than so many within so many minutes. */
export interface ErrorRule {
  readonly ruleId: string;
  readonly service: string;
  /** One group of its errors alone. Default: all that are not ignored. */
  readonly groupId?: string | undefined;
  readonly maxErrors: number;
  /** 1 to 60. */
  readonly windowMinutes: number;
  /** Default `page`. */
  readonly level?: AlertLevel | undefined;
}

/** A rule, and how many errors there are now. */
export interface ErrorRuleState extends ErrorRule {
  readonly errors: number;
  /** It goes on until at most half as many are left as the rule allows. */
  readonly isFiring: boolean;
}

export interface ErrorRulesOptions {
  readonly sql: Sql;
  readonly alerts: Alerts;
  readonly clock: Clock;
}

interface RuleRow extends Required<Omit<ErrorRule, 'groupId'>> {
  readonly groupId: string | null;
}

/** Rules about bursts of errors, and the alerts about them. */
export class ErrorRules {
  readonly #options: ErrorRulesOptions;

  constructor(options: ErrorRulesOptions) {
    this.#options = options;
  }

  async list(): Promise<readonly ErrorRuleState[]> {
    return Promise.all((await this.#read()).map((rule) => this.#stateOf(rule)));
  }

  /** It is looked at at once. */
  async set(given: ErrorRule): Promise<ErrorRuleState> {
    const rule = { ...given, level: given.level ?? 'page' } as const;
    const { ruleId, service, groupId, maxErrors, windowMinutes, level } = rule;
    await this.#options.sql`
      insert into telemetry.error_rules (rule_id, service, group_id, max_errors, window_minutes, level)
      values (${ruleId}, ${service}, ${groupId ?? null}, ${maxErrors}, ${windowMinutes}, ${level})
      on conflict (rule_id) do update set service = excluded.service, group_id = excluded.group_id,
        max_errors = excluded.max_errors, window_minutes = excluded.window_minutes, level = excluded.level`;
    await this.#lookAt(rule);
    return this.#stateOf(rule);
  }

  /** False if there was none. */
  async remove(ruleId: string): Promise<boolean> {
    const removed = await this.#options.sql`
      delete from telemetry.error_rules where rule_id = ${ruleId} returning rule_id`;
    for (const level of alertLevels) await this.#options.alerts.end({ errorRuleId: ruleId }, level);
    return removed.length > 0;
  }

  /** Looks at every rule, and begins and ends alerts. */
  async watch(): Promise<void> {
    for (const rule of await this.#read()) await this.#lookAt(rule);
  }

  async #lookAt(rule: ErrorRule): Promise<void> {
    const { alerts } = this.#options;
    const errors = await this.#count(rule);
    const subject = { errorRuleId: rule.ruleId };
    for (const level of alertLevels) {
      // Not as soon as there are no more than it allows: around the bound it would come and go.
      if (level !== rule.level || errors <= rule.maxErrors / 2) await alerts.end(subject, level);
      else if (errors > rule.maxErrors) await alerts.begin(subject, level, summaryOf(rule, errors));
    }
  }

  async #read(): Promise<readonly ErrorRule[]> {
    const rows = await this.#options.sql<RuleRow>`select * from telemetry.error_rules order by rule_id`;
    return rows.map(({ groupId, ...row }) => ({ ...row, ...(groupId === null ? undefined : { groupId }) }));
  }

  async #stateOf(rule: ErrorRule): Promise<ErrorRuleState> {
    const isFiring = await this.#options.alerts.isFiring({ errorRuleId: rule.ruleId });
    return { ...rule, errors: await this.#count(rule), isFiring };
  }

  /** To ten seconds. */
  async #count({ service, groupId, windowMinutes }: ErrorRule): Promise<number> {
    const { sql, clock } = this.#options;
    const fromSeconds = Math.floor(clock.nowMs() / 1_000) - windowMinutes * 60 - errorBucketSeconds;
    const [row] = await sql<{ errors: number }>`
      select coalesce(sum(counted.count), 0)::int8 as errors
      from telemetry.error_counts as counted join telemetry.error_groups as g using (group_id)
      where g.service = ${service} and g.state <> 'ignored' and counted.bucket > ${fromSeconds}
        and (${groupId ?? null}::text is null or group_id = ${groupId ?? null})`;
    return row?.errors ?? 0;
  }
}

function summaryOf({ service, groupId, maxErrors, windowMinutes }: ErrorRule, errors: number): string {
  const what = groupId === undefined ? 'errors' : `errors of the group ${groupId}`;
  return `${service}: ${errors} ${what} within ${windowMinutes} min, more than ${maxErrors}`;
}
