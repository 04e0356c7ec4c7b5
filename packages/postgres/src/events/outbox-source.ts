import { type Clock, isServiceError, type Logger } from '@banyan/core';
import { DatabaseError } from 'pg';
import { createDatabase, type PostgresDatabase } from '../database.ts';
import type { Place } from './outbox-cursor.ts';
import { homeColumn, type OutboxHome, settleOutbox, toHome } from './outbox-home.ts';
import type { OutboxStanding } from './outbox-places.ts';
import { findFirstSince, outboxTable } from './timed-table.ts';
import { WakeChannel } from './wake-channel.ts';

export interface OutboxSourceOptions {
  readonly service: string;
  /** The service's database, for a role that may read its outbox. */
  readonly url: string;
  /** Whoever announces with the same name has woken the readers of this process already. */
  readonly sender: string;
  readonly onWake: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What an outbox says of itself. */
export interface OutboxState {
  /** Names this outbox: another one after the database was made anew. */
  readonly id: string;
  /** Everything up to here is forgotten. */
  readonly prunedTo: number;
  readonly home: OutboxHome;
}

interface StateRow extends Omit<OutboxState, 'home'> {
  readonly home: string;
}

interface Ends extends StateRow {
  readonly last: number;
  readonly snapshot: string;
  /** Id of a transaction that begins now. */
  readonly limit: string;
}

const warnEveryMs = 60_000;

/** The outbox of one service, for the readers of this process. Connects on first use. */
export class OutboxSource {
  readonly service: string;
  readonly database: PostgresDatabase;
  readonly #options: OutboxSourceOptions;
  readonly #channel: WakeChannel;
  #warnAtMs: number;

  constructor(options: OutboxSourceOptions) {
    const { service, url, sender, logger, clock, onWake } = options;
    this.service = service;
    this.#options = options;
    // Readers wait for each other no longer than a page takes; the listener has a connection of its own.
    this.database = createDatabase({
      url: byIndexOnly(url),
      applicationName: `banyan-reader`,
      maxConnections: 2,
      logger,
    });
    this.#channel = new WakeChannel({
      database: this.database,
      channel: 'banyan_outbox',
      sender,
      logger,
      onWake,
    });
    this.#warnAtMs = clock.nowMs() + warnEveryMs;
  }

  /** Begins to hear of commits in other processes. Never rejects. */
  listen(): Promise<void> {
    return this.#channel.listen();
  }

  async close(): Promise<void> {
    await this.#channel.close();
    await this.database.close();
  }

  /** Undefined as long as the service has never run: its tables are not there yet. @throws ServiceError `unavailable` */
  state(): Promise<OutboxState | undefined> {
    return this.#unlessMissing(async () => {
      const { sql } = this.database;
      await settleOutbox(sql);
      const [row] = await sql<StateRow>`
        select id, pruned_to, ${homeColumn(sql)} as home from banyan.outbox_state as state`;
      return row && { ...row, home: toHome(row.home) };
    });
  }

  async standing(): Promise<OutboxStanding> {
    const { last, snapshot, home } = await this.#ends();
    return { last: String(last), snapshot, home: toHome(home) };
  }

  /** Everything that is committed by now lies before this place, and nothing else. */
  async end(): Promise<Place> {
    const { last, snapshot, limit, home } = await this.#ends();
    return { after: String(last), seen: snapshot, limit, home: toHome(home), late: undefined };
  }

  async start(): Promise<Place> {
    const { prunedTo, limit, home } = await this.#ends();
    return {
      after: String(prunedTo),
      seen: '1:1:',
      // Below the first row of all nothing can be late.
      limit: prunedTo === 0 ? '0' : limit,
      home: toHome(home),
      late: undefined,
    };
  }

  /** Before the first event that was appended at or after `time`. */
  async since(time: string): Promise<Place> {
    const { sql } = this.database;
    const { prunedTo, last, snapshot, limit, home } = await this.#ends();
    const first = await findFirstSince(sql, outboxTable(sql), { time, start: prunedTo, end: last });
    return { after: String(first - 1), seen: snapshot, limit, home: toHome(home), late: undefined };
  }

  async #ends(): Promise<Ends> {
    const { sql } = this.database;
    const [row] = await sql<Ends>`
      select id, pruned_to, ${homeColumn(sql)} as home, greatest(pruned_to, (select max(seq) from banyan.outbox))::int8 as last,
        pg_current_snapshot()::text as snapshot, pg_current_xact_id()::text as "limit"
      from banyan.outbox_state as state`;
    if (row === undefined) throw new Error('banyan.outbox_state has lost its row.');
    return row;
  }

  async #unlessMissing<Result>(ask: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (!isMissing(error)) throw error;
      const { clock, logger } = this.#options;
      if (clock.nowMs() >= this.#warnAtMs) {
        this.#warnAtMs = clock.nowMs() + warnEveryMs;
        logger.warn('a service whose events are listened to has no outbox yet', {
          source: this.service,
          error,
        });
      }
      return undefined;
    }
  }
}

/**
 * Plans are kept from when the outbox was empty: only those by an index, in its order, are as good when it is long. A plan that avoids something counts as so
 * costly that servers before PostgreSQL 18 would compile it, each time.
 */
function byIndexOnly(url: string): string {
  const indexed = new URL(url);
  const settings = ['enable_seqscan=off', 'enable_bitmapscan=off', 'jit=off'].map(
    (setting) => `-c ${setting}`,
  );
  const own = indexed.searchParams.get('options') ?? '';
  indexed.searchParams.set('options', [own, ...settings].join(' ').trim());
  return indexed.href;
}

/** No schema, no table, or nothing granted yet: the service makes them when it starts. */
function isMissing(error: unknown): boolean {
  if (isServiceError(error)) return error.reason === 'database_permission';
  return error instanceof DatabaseError && ['42P01', '3F000'].includes(error.code ?? '');
}
