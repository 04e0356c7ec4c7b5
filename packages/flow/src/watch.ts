import type { Clock, Database, Logger, Sql } from '@banyan/core';
import type { FlowDefinition } from './definition.ts';
import type { FlowStanding, FlowStore } from './flow-store.ts';

/** Flows of one kind became late, or none is any longer. */
export interface FlowAlarm {
  readonly flow: string;
  readonly state: 'broken' | 'restored';
  /** How many are late. */
  readonly count: number;
  /** For how long nothing is heard of the one that is late for longest. */
  readonly ageMs: number;
  readonly boundMs: number;
}

export interface FlowWatchOptions {
  readonly definitions: readonly FlowDefinition[];
  readonly store: FlowStore;
  readonly database: Database;
  /**
   * Age of the oldest event that the service has not handled yet. What occurred before is known; so a flow is judged as of then, and a consumer that is
   * behind takes nobody for late whose events merely wait.
   */
  readonly behindMs: () => Promise<number>;
  /**
   * Raises or clears the alarm. `note` says in a transaction whether it is news to all instances of the service, and makes it known. Resolves with whether it
   * is on record; if not, the next look tries again.
   */
  readonly onAlarm: (alarm: FlowAlarm, note: (sql: Sql) => Promise<boolean>) => Promise<boolean>;
  /** After each look. */
  readonly onStanding?: (standings: readonly FlowStanding[]) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often it looks. Default 5 s. */
  readonly intervalMs?: number;
}

/** Looks for flows that are late, and forgets those that ended long ago. */
export interface FlowWatch {
  /** Of the last look. */
  readonly standings: readonly FlowStanding[];
  start(): void;
  /** Waits for a look in progress. Idempotent. */
  stop(): Promise<void>;
}

export function createFlowWatch(options: FlowWatchOptions): FlowWatch {
  return new TimedFlowWatch(options);
}

const defaultIntervalMs = 5_000;
const pruneIntervalMs = 60_000;

class TimedFlowWatch implements FlowWatch {
  standings: readonly FlowStanding[] = [];
  readonly #options: FlowWatchOptions;
  #cancelTimer = () => {};
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;
  #pruneAtMs = 0;
  /** What this instance knows to be noted. */
  readonly #noted = new Map<string, boolean>();

  constructor(options: FlowWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#lookLater();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { definitions, onStanding, clock, logger } = this.#options;
    try {
      const nowMs = clock.nowMs();
      const horizonMs = nowMs - (await this.#options.behindMs());
      const standings: FlowStanding[] = [];
      for (const definition of definitions)
        standings.push(await this.#judge(definition, { nowMs, horizonMs }));
      this.standings = standings;
      if (!this.#isStopped) onStanding?.(standings);
      if (nowMs >= this.#pruneAtMs) await this.#prune(nowMs);
    } catch (error) {
      logger.debug('the standing of flows could not be read', { error });
    }
    if (!this.#isStopped) this.#lookLater();
  }

  /** The first look waits as well: before a consumer has read anything, it does not know what waits for it. */
  #lookLater(): void {
    const { clock, intervalMs = defaultIntervalMs } = this.#options;
    this.#cancelTimer = clock.setTimer(() => {
      this.#looking = this.#look();
    }, intervalMs);
  }

  async #judge(
    { name, lateAfterMs }: FlowDefinition,
    { nowMs, horizonMs }: { readonly nowMs: number; readonly horizonMs: number },
  ): Promise<FlowStanding> {
    const { store, database, onAlarm, logger } = this.#options;
    const when = { now: toTime(nowMs), horizon: toTime(horizonMs) };
    const standing = await database.tx(({ sql }) => store.judge(sql, name, when));
    const { late: count, lateMs } = standing;
    const isLate = count > 0;
    if (this.#noted.get(name) === isLate) return standing;
    if (isLate) logger.error('flows are late', { flow: name, count, lateMs });
    const ageMs = isLate ? lateAfterMs + lateMs : 0;
    const alarm = {
      flow: name,
      state: isLate ? 'broken' : 'restored',
      count,
      ageMs,
      boundMs: lateAfterMs,
    } as const;
    const isNoted = await onAlarm(alarm, (sql) => store.noteAlarm(sql, name, isLate));
    if (isNoted) this.#noted.set(name, isLate);
    return standing;
  }

  async #prune(nowMs: number): Promise<void> {
    this.#pruneAtMs = nowMs + pruneIntervalMs;
    const { definitions, store } = this.#options;
    for (const { name, keepMs } of definitions) await store.prune(name, toTime(nowMs - keepMs));
  }
}

function toTime(ms: number): string {
  return new Date(ms).toISOString();
}
