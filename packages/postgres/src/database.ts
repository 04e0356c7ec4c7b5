import type { Database, Logger, Sql, Transaction, TransactionOptions } from '@banyan/core';
import { silentLogger } from '@banyan/core';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import { isLost, runStatement, StatementNames, watchConnection } from './connection.ts';
import { isStalePlan, toConnectError } from './database-errors.ts';
import { postgresError } from './errors.ts';
import { createListener, type Listener, type NotificationListener } from './listener.ts';
import { type DatabaseSession, runSession, type SessionParts } from './session.ts';
import { createSql, type Statement } from './sql-template.ts';
import { runTransaction } from './transaction.ts';
import { beginText, toAbortError } from './transaction-options.ts';
import { valueTypes } from './value-parsers.ts';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`; `?host=/folder` names the folder of a unix socket. */
  readonly url: string;
  /** Default 10. */
  readonly maxConnections?: number;
  /** Shown in `pg_stat_activity`. Default `banyan`. */
  readonly applicationName?: string;
  readonly logger?: Logger;
  /** Ends any one statement; 0 for never. Default 30,000. */
  readonly statementTimeoutMs?: number;
  /** Ends a transaction whose callback waits this long for something else; 0 for never. Default 30,000. */
  readonly idleInTransactionTimeoutMs?: number;
  /** How long a statement or transaction waits for a free connection. Default 5,000. */
  readonly acquireTimeoutMs?: number;
}

export interface DatabaseStats {
  /** Open connections, of which `idle` wait for work. */
  readonly connections: number;
  readonly idle: number;
  /** Statements and transactions waiting for a connection. */
  readonly waiting: number;
  readonly maxConnections: number;
}

/**
 * A PostgreSQL database behind a connection pool. A transaction holds one connection until it ends, so one that asks
 * for a second (`database.sql` or `database.tx` inside `tx`) can wait for itself: when all connections are held that
 * way, the inner request rejects with `resource_exhausted` `connections_exhausted` after `acquireTimeoutMs`.
 */
export interface PostgresDatabase extends Database {
  /** Runs `work` with a connection of its own, closed afterwards. */
  session<Result>(work: (session: DatabaseSession) => Promise<Result>): Promise<Result>;
  /** Resolves if the server answers; rejects with `unavailable` `database_unavailable`. */
  ping(): Promise<void>;
  stats(): DatabaseStats;
  /**
   * Calls `listener` for each notification on `channel`, on a connection of its own. After a reconnect it is called
   * once with `undefined`, because notifications may have been missed. Rejects if the first connection fails.
   */
  listen(channel: string, listener: NotificationListener): Promise<Listener>;
  /** Waits for open transactions, then closes every connection and listener. Idempotent. */
  close(): Promise<void>;
}

/** Connects on first use. */
export function createDatabase(options: DatabaseOptions): PostgresDatabase {
  return new PooledDatabase(options);
}

class PooledDatabase implements PostgresDatabase {
  readonly sql: Sql = createSql({ run: (statement) => this.#repeatStale(statement) });
  readonly #options: DatabaseOptions;
  readonly #logger: Logger;
  readonly #pool: Pool;
  readonly #names = new StatementNames();
  readonly #listeners = new Set<Listener>();
  readonly #open = new Set<PoolClient>();
  #allGone: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#pool = new Pool({
      ...toClientConfig(options),
      max: options.maxConnections ?? 10,
      connectionTimeoutMillis: options.acquireTimeoutMs ?? 5_000,
      idleTimeoutMillis: 30_000,
    });
    this.#pool.on('connect', (client) => {
      watchConnection(client);
      this.#open.add(client);
    });
    this.#pool.on('remove', (client) => {
      this.#open.delete(client);
      if (this.#open.size === 0) this.#allGone?.();
    });
    this.#pool.on('error', (error) => this.#logger.debug('an idle database connection ended', { error }));
  }

  async tx<Result>(
    work: (transaction: Transaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    beginText(options);
    const client = await this.#acquire(options.signal);
    const release = (isSpent: boolean) => client.release(isSpent);
    return runTransaction({ ...this.#partsOf(client), release }, work, options);
  }

  async session<Result>(work: (session: DatabaseSession) => Promise<Result>): Promise<Result> {
    const client = await this.#acquire();
    return runSession(this.#partsOf(client), work);
  }

  #partsOf(client: PoolClient): SessionParts {
    return { client, names: this.#names, logger: this.#logger, idleTimeoutMs: idleTimeoutOf(this.#options) };
  }

  async ping(): Promise<void> {
    await this.sql`select 1`;
  }

  stats(): DatabaseStats {
    const { totalCount, idleCount, waitingCount, options } = this.#pool;
    return { connections: totalCount, idle: idleCount, waiting: waitingCount, maxConnections: options.max };
  }

  async listen(channel: string, listener: NotificationListener): Promise<Listener> {
    this.#checkOpen();
    const inner = createListener({
      channel,
      listener,
      client: toClientConfig(this.#options),
      logger: this.#logger,
    });
    await inner.start();
    const close = async () => {
      this.#listeners.delete(outer);
      await inner.stop();
    };
    const outer: Listener = { close };
    this.#listeners.add(outer);
    // `close` of the database may have begun while the connection was opened.
    if (this.#closing !== undefined) await close();
    return outer;
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await Promise.all([this.#pool.end(), ...[...this.#listeners].map((listener) => listener.close())]);
    // The pool does not wait for the sockets that it ends.
    if (this.#open.size > 0) await new Promise<void>((resolve) => (this.#allGone = resolve));
  }

  /** The connection of the first attempt is given back by then: whoever held it would wait for another, and all of them for each other. */
  async #repeatStale(statement: Statement): Promise<object[]> {
    try {
      return await this.#run(statement);
    } catch (error) {
      // Nothing was executed, and the name of the stale plan is forgotten by now.
      if (error instanceof Error && isStalePlan(error.cause)) return this.#run(statement);
      throw error;
    }
  }

  async #run(statement: Statement): Promise<object[]> {
    const client = await this.#acquire();
    let isSpent = false;
    try {
      return await runStatement(client, statement, this.#names);
    } finally {
      // `begin` as a plain statement would hand an open transaction to whoever gets the connection next.
      isSpent = isLost(client) || client.getTransactionStatus() !== 'I';
      client.release(isSpent);
    }
  }

  async #acquire(signal?: AbortSignal): Promise<PoolClient> {
    this.#checkOpen();
    if (signal?.aborted) throw toAbortError(signal.reason);
    try {
      const connected = this.#pool.connect();
      return await (signal === undefined ? connected : unlessAborted(connected, signal));
    } catch (cause) {
      if (signal?.aborted) throw toAbortError(signal.reason);
      // The pool has no error codes; its message is pinned by a test.
      const isExhausted = cause instanceof Error && cause.message.startsWith('timeout exceeded');
      throw isExhausted ? postgresError('connections_exhausted', { cause }) : toConnectError(cause);
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw postgresError('database_closed');
  }
}

/** The pool cannot take a request back, so a connection that arrives too late is returned at once. */
async function unlessAborted(connected: Promise<PoolClient>, signal: AbortSignal): Promise<PoolClient> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([connected, aborted]);
  } catch (error) {
    if (signal.aborted) {
      connected.then(
        (client) => client.release(),
        () => {},
      );
    }
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

const sessionSettings =
  '-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c client_min_messages=warning';

function idleTimeoutOf({ idleInTransactionTimeoutMs = 30_000 }: DatabaseOptions): number {
  return idleInTransactionTimeoutMs;
}

function toClientConfig(options: DatabaseOptions): PoolConfig {
  const url = new URL(options.url);
  // Settings in the URL would replace ours as a whole, and with them the form of timestamps.
  const ownSettings = url.searchParams.get('options');
  url.searchParams.delete('options');
  return {
    connectionString: url.href,
    application_name: options.applicationName ?? 'banyan',
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    idle_in_transaction_session_timeout: idleTimeoutOf(options),
    options: ownSettings === null ? sessionSettings : `${ownSettings} ${sessionSettings}`,
    keepAlive: true,
    // Statements are written as soon as they are asked for; who wants an answer first waits for it.
    pipeline: true,
    types: valueTypes as NonNullable<PoolConfig['types']>,
  };
}
