import type { Database, Logger, Sql, Transaction, TransactionOptions } from '@banyan/core';
import type { PoolClient } from 'pg';
import { destroyConnection, isLost, runStatement, type StatementNames } from './connection.ts';
import { postgresError } from './errors.ts';
import { createSql } from './sql-template.ts';
import { runTransaction } from './transaction.ts';

/**
 * One connection of its own, for what belongs to a session: advisory locks, settings, temporary tables. Statements and
 * transactions run one after the other: inside `tx` use the transaction's `sql`, or it waits for itself.
 */
export interface DatabaseSession extends Database {
  /** False once the connection is gone, and with it every lock of the session. */
  readonly isOpen: boolean;
  /** Ends the connection at once, whatever is still to be answered on it: for a server that says nothing any more. */
  destroy(): void;
}

export interface SessionParts {
  readonly client: PoolClient;
  readonly names: StatementNames;
  readonly logger: Logger;
  readonly idleTimeoutMs: number;
}

/** Runs `work` with a session; the connection is closed afterwards, so that no state of it reaches anybody else. */
export async function runSession<Result>(
  parts: SessionParts,
  work: (session: DatabaseSession) => Promise<Result>,
): Promise<Result> {
  const session = new ClientSession(parts);
  try {
    return await work(session);
  } finally {
    session.end();
    parts.client.release(true);
  }
}

class ClientSession implements DatabaseSession {
  readonly sql: Sql = createSql({
    run: (statement) => this.#inTurn(() => runStatement(this.#parts.client, statement, this.#parts.names)),
  });
  readonly #parts: SessionParts;
  #tail: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return !this.#ended && !isLost(this.#parts.client);
  }

  end(): void {
    this.#ended = true;
  }

  destroy(): void {
    this.#ended = true;
    destroyConnection(this.#parts.client);
  }

  tx<Result>(
    work: (transaction: Transaction) => Promise<Result>,
    options: TransactionOptions = {},
  ): Promise<Result> {
    const release = (isSpent: boolean) => {
      if (isSpent) this.#ended = true;
    };
    return this.#inTurn(() => runTransaction({ ...this.#parts, release }, work, options));
  }

  #inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(() => {
      if (this.#ended) throw postgresError('session_ended');
      return task();
    });
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
