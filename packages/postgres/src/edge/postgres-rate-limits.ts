import { type Clock, type Logger, systemClock } from '@banyan/core';
import type { RateLimitStore, Taking } from '@banyan/resilience';
import { createDatabase, type PostgresDatabase } from '../database.ts';

export interface PostgresRateLimitsOptions {
  /** The platform's database, with the tables of `migrations/platform`. */
  readonly url: string;
  readonly clock?: Clock;
  readonly logger: Logger;
}

/** Takings of one key wait for each other in the database, so a few connections are enough for many keys. */
const maxConnections = 4;
const sweepEveryMs = 60_000;

/** Rate limits that all processes with this database share, on connections of their own. Each taking writes one row. */
export function createPostgresRateLimits(options: PostgresRateLimitsOptions): RateLimitStore {
  return new PostgresRateLimits(options);
}

interface TakingRow {
  readonly taken: boolean;
  readonly debtUs: number;
}

class PostgresRateLimits implements RateLimitStore {
  readonly #database: PostgresDatabase;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #cancelSweep = () => {};
  #isClosed = false;

  constructor({ url, clock = systemClock, logger }: PostgresRateLimitsOptions) {
    this.#database = createDatabase({ url, applicationName: 'banyan rate limits', maxConnections, logger });
    this.#logger = logger;
    this.#clock = clock;
    this.#sweepLater();
  }

  async take(key: string, { costUs, capacityUs }: { costUs: number; capacityUs: number }): Promise<Taking> {
    // A first taking above the capacity must not make a row that owes.
    if (costUs > capacityUs) return { taken: false, debtUs: await this.#debtOf(key) };
    const { sql } = this.#database;
    const [taken] = await sql<TakingRow>`
      with clock as materialized (select (extract(epoch from clock_timestamp()) * 1000000)::int8 as now)
      insert into banyan.rate_limit as held (key, free_at_us)
      select ${key}, now + ${costUs}::int8 from clock
      on conflict (key) do update
        set free_at_us = greatest(held.free_at_us, excluded.free_at_us - ${costUs}::int8) + ${costUs}::int8
        where greatest(held.free_at_us - (excluded.free_at_us - ${costUs}::int8), 0) + ${costUs}::int8 <= ${capacityUs}::int8
      returning true as taken, free_at_us - (select now from clock) as debt_us`;
    return taken ?? { taken: false, debtUs: await this.#debtOf(key) };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelSweep();
    await this.#database.close();
  }

  async #debtOf(key: string): Promise<number> {
    const { sql } = this.#database;
    const [row] = await sql<{ debtUs: number }>`
      select greatest(free_at_us - (extract(epoch from clock_timestamp()) * 1000000)::int8, 0) as debt_us
      from banyan.rate_limit where key = ${key}`;
    return row?.debtUs ?? 0;
  }

  #sweepLater(): void {
    if (!this.#isClosed) this.#cancelSweep = this.#clock.setTimer(() => void this.#sweep(), sweepEveryMs);
  }

  /** Every process does so; what one has locked the others leave to it. */
  async #sweep(): Promise<void> {
    try {
      await this.#database.sql`
        delete from banyan.rate_limit where key in (
          select key from banyan.rate_limit
          where free_at_us < (extract(epoch from clock_timestamp()) * 1000000)::int8
          for update skip locked
        )`;
    } catch (error) {
      if (!this.#isClosed) this.#logger.warn('old rate limits could not be removed; trying again', { error });
    }
    this.#sweepLater();
  }
}
