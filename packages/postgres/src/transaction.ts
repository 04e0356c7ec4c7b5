import type { Logger, Sql, Transaction, TransactionOptions } from '@banyan/core';
import { isServiceError } from '@banyan/core';
import { DatabaseError, type PoolClient } from 'pg';
import { requestCancel } from './cancel-request.ts';
import { destroyConnection, isLost, runCommand, runStatement, type StatementNames } from './connection.ts';
import { endsSession, toDatabaseError } from './database-errors.ts';
import { postgresError } from './errors.ts';
import { createSql, type Statement } from './sql-template.ts';
import { StatementGroup } from './statement-group.ts';
import { beginText, toAbortError } from './transaction-options.ts';
import { Scope } from './transaction-scope.ts';

export interface TransactionParts {
  readonly client: PoolClient;
  readonly names: StatementNames;
  readonly logger: Logger;
  /** How long the server lets a transaction of this connection sit idle before it ends the session, in ms. */
  readonly idleTimeoutMs: number;
  /** Takes the connection back; `isSpent` if it must not be used again. */
  release(isSpent: boolean): void;
}

type Work<Result> = (transaction: Transaction) => Promise<Result>;

const cancelGraceMs = 1_000;

/** Runs `work` in one transaction, then gives the connection back. */
export async function runTransaction<Result>(
  parts: TransactionParts,
  work: Work<Result>,
  options: TransactionOptions,
): Promise<Result> {
  const session = new Session(parts, options);
  try {
    return await session.run(work);
  } finally {
    parts.release(session.isSpent);
  }
}

class Session {
  readonly #parts: TransactionParts;
  readonly #options: TransactionOptions;
  readonly #group: StatementGroup;
  readonly #root = this.#createScope();
  readonly #commitListeners: (() => void)[] = [];
  #scope: Scope = this.#root;
  #tail: Promise<unknown> = Promise.resolve();
  #running = 0;
  #idleSince = 0;
  #savepoints = 0;
  #firstFailure: unknown;
  /** What had failed when the work was done: later failures are those of statements that nobody waits for. */
  #failureInWork: unknown;
  #state: 'open' | 'committing' | 'ended' = 'open';
  #isBegun = false;
  #abortError: Error | undefined;
  #spent = false;

  constructor(parts: TransactionParts, options: TransactionOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#group = new StatementGroup(parts.client, parts.names, (task) => this.#atOnce(task));
  }

  /** True when the connection must not be used again. */
  get isSpent(): boolean {
    return this.#spent || isLost(this.#parts.client);
  }

  async run<Result>(work: Work<Result>): Promise<Result> {
    let result: Result;
    try {
      const text = beginText(this.#options);
      // A plain `begin` travels with the first statement.
      if (text !== 'begin') await this.#begin(text);
      result = await this.#untilAborted(work, this.#options.signal);
    } catch (error) {
      await this.#rollBack();
      throw this.#abortError ?? error;
    }
    await this.#commit();
    for (const listener of this.#commitListeners) this.#notify(listener);
    return result;
  }

  #createScope(): Scope {
    return new Scope((scope, statement) => this.#enqueue(scope, statement));
  }

  #enqueue(scope: Scope, statement: Statement): Promise<object[]> {
    this.#checkUsable(scope);
    if (this.#options.concurrent && scope === this.#root) {
      const grouped = this.#isBegun ? this.#group.add(statement) : undefined;
      if (grouped !== undefined) return grouped;
      this.#group.flush();
      return this.#atOnce(() => this.#send(statement));
    }
    return this.#inTurn(() => {
      this.#checkUsable(scope);
      return this.#send(statement);
    });
  }

  #send(statement: Statement): Promise<object[]> {
    const isOpening = !this.#isBegun;
    this.#isBegun = true;
    return runStatement(this.#parts.client, statement, this.#parts.names, isOpening);
  }

  async #begin(text: string): Promise<void> {
    this.#isBegun = true;
    await this.#command(text);
    this.#idleSince = performance.now();
  }

  /** One statement at a time, in the order asked for. */
  #inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(() => this.#watch(task));
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** The server answers in the order of asking, so the newest statement is also the last to be answered. */
  #atOnce<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#watch(task, this.#tail);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #watch<Result>(task: () => Promise<Result>, earlier?: Promise<unknown>): Promise<Result> {
    const idleMs = this.#isBegun && this.#running === 0 ? performance.now() - this.#idleSince : 0;
    this.#running += 1;
    try {
      return await task();
    } catch (error) {
      // Whoever is to blame hears of it first, whatever way the answers took.
      if (isConsequence(error)) await earlier;
      const failure = this.#toFailure(error, idleMs);
      this.#firstFailure ??= failure;
      throw failure;
    } finally {
      this.#running -= 1;
      this.#idleSince = performance.now();
    }
  }

  /** A write to a connection that the server has just closed loses the server's last words, which gave the reason. */
  #toFailure(error: unknown, idleMs: number): unknown {
    if (this.#firstFailure !== undefined && isConsequence(error)) {
      return postgresError('transaction_failed', { cause: this.#firstFailure });
    }
    const isLoss = isServiceError(error) && error.reason === 'database_unavailable';
    if (!isLoss || idleMs < this.#parts.idleTimeoutMs) return error;
    return postgresError('transaction_timeout', { cause: error });
  }

  #checkUsable(scope: Scope): void {
    if (this.#abortError !== undefined) throw this.#abortError;
    if (this.#state !== 'open') throw postgresError('transaction_ended');
    if (scope !== this.#scope)
      throw postgresError(scope === this.#root ? 'savepoint_open' : 'transaction_ended');
  }

  async #untilAborted<Result>(work: Work<Result>, signal: AbortSignal | undefined): Promise<Result> {
    if (signal === undefined) return this.#toEnd(work);
    let onAbort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => {
        this.#abortError = toAbortError(signal.reason);
        reject(this.#abortError);
      };
    });
    signal.addEventListener('abort', onAbort);
    try {
      if (signal.aborted) onAbort();
      return await Promise.race([aborted, this.#toEnd(work)]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #toEnd<Result>(work: Work<Result>): Promise<Result> {
    const root = this.#root;
    const result = await work({
      sql: createSql(root),
      savepoint: (inner) => this.#savepoint(inner),
      onCommit: (listener) => {
        this.#checkUsable(this.#scope);
        this.#commitListeners.push(listener);
      },
    });
    if (this.#scope !== root || !this.#options.concurrent) await this.#tail;
    if (this.#scope !== root) throw postgresError('savepoint_open');
    root.checkAllUsed();
    this.#failureInWork = this.#firstFailure;
    return result;
  }

  async #savepoint<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    this.#checkUsable(this.#root);
    this.#group.flush();
    const scope = this.#createScope();
    this.#scope = scope;
    this.#savepoints += 1;
    const name = `s${this.#savepoints}`;
    try {
      await this.#inTurn(async () => {
        if (!this.#isBegun) await this.#begin('begin');
        await this.#command(`savepoint ${name}`);
      });
      const outerFailure = this.#firstFailure;
      try {
        const result = await work(createSql(scope));
        await this.#tail;
        scope.checkAllUsed();
        await this.#inTurn(() => this.#command(`release savepoint ${name}`));
        return result;
      } catch (error) {
        await this.#tail;
        if (this.#state === 'open' && this.#abortError === undefined) {
          await this.#command(`rollback to savepoint ${name}; release savepoint ${name}`);
          this.#firstFailure = outerFailure;
        }
        throw error;
      }
    } finally {
      this.#scope = this.#root;
    }
  }

  async #commit(): Promise<void> {
    const { client } = this.#parts;
    this.#state = 'committing';
    this.#group.flush();
    try {
      // PostgreSQL answers `commit` with ROLLBACK when a statement had failed before.
      if (this.#isBegun && (await runCommand(client, 'commit')) !== 'COMMIT') {
        await this.#tail;
        throw this.#failureInWork === undefined && this.#firstFailure !== undefined
          ? this.#firstFailure
          : postgresError('transaction_failed', { cause: this.#firstFailure });
      }
    } catch (cause) {
      if (!isLost(client) && !endsSession(cause)) throw toDatabaseError(cause);
      this.#spent = true;
      throw postgresError('commit_outcome_unknown', { cause });
    } finally {
      this.#state = 'ended';
    }
  }

  async #rollBack(): Promise<void> {
    this.#state = 'ended';
    const { client, logger } = this.#parts;
    this.#group.drop(this.#abortError ?? postgresError('transaction_ended'));
    if (this.#running > 0 && this.#abortError !== undefined) {
      this.#spent = true;
      await requestCancel(client);
      if (!(await settlesWithin(this.#tail, cancelGraceMs))) return destroyConnection(client);
    } else {
      await this.#tail;
    }
    if (isLost(client) || !this.#isBegun) return;
    try {
      await runCommand(client, 'rollback');
    } catch (error) {
      // The server rolls back by itself when the connection ends.
      this.#spent = true;
      logger.debug('rollback failed, connection discarded', { error });
    }
  }

  async #command(text: string): Promise<void> {
    await runStatement(this.#parts.client, { text, values: [], reusable: false }, this.#parts.names);
  }

  #notify(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#parts.logger.error('a commit listener failed; the transaction is committed', { error });
    }
  }
}

/** Fails only because an earlier statement did: the transaction is over, or the statement's plan was never made. */
function isConsequence(error: unknown): boolean {
  if (isServiceError(error)) return error.reason === 'transaction_failed';
  return error instanceof DatabaseError && error.code === '26000';
}

async function settlesWithin(task: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  try {
    return await Promise.race([task.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
