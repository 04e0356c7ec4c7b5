import {
  type CamelCase,
  type Database,
  type Sql,
  type SqlFragment,
  type SqlObserver,
  type SqlParameter,
  type SqlQuery,
  sqlObserve,
  sqlObserver,
  type Transaction,
} from '@banyan/core';

/**
 * A transaction that opens when its first statement runs. A consumer's handler may so call other services first, without
 * holding a connection and locks while it waits for them.
 */
export interface DeferredTransaction {
  readonly sql: Sql;
  /** The transaction itself, opened if no statement did. */
  open(): Promise<Transaction>;
  /** Opens the transaction if no statement did, runs `last` in it and commits. */
  commit(last: (transaction: Transaction) => Promise<void>): Promise<void>;
  /** Undoes everything, if anything was begun. Never rejects. */
  rollback(reason: unknown): Promise<void>;
}

export interface DeferredOptions {
  /** Each statement stands for itself: one that fails leaves the transaction usable. Default false. */
  readonly savepoints?: boolean;
  /** Hears of the statements. */
  readonly observer?: SqlObserver | undefined;
}

export function createDeferredTransaction(
  database: Database,
  signal: AbortSignal,
  options: DeferredOptions = {},
): DeferredTransaction {
  return new FirstUseTransaction(database, signal, options);
}

class FirstUseTransaction implements DeferredTransaction {
  readonly sql: Sql;
  readonly #database: Database;
  readonly #signal: AbortSignal;
  readonly #options: DeferredOptions;
  #lastStatement: Promise<unknown> = Promise.resolve();
  readonly #work = Promise.withResolvers<void>();
  #opening: Promise<Transaction> | undefined;
  #settled: Promise<void> = Promise.resolve();

  constructor(database: Database, signal: AbortSignal, options: DeferredOptions) {
    this.#database = database;
    this.#signal = signal;
    this.#options = options;
    this.sql = this.#createSql();
    // Whoever awaits the transaction sees a rejection; without one nobody has to.
    this.#work.promise.catch(() => {});
  }

  async commit(last: (transaction: Transaction) => Promise<void>): Promise<void> {
    const transaction = await this.open();
    try {
      await last(transaction);
      this.#work.resolve();
    } catch (error) {
      this.#work.reject(error);
    }
    await this.#settled;
  }

  async rollback(reason: unknown): Promise<void> {
    if (this.#opening === undefined) return;
    this.#work.reject(reason);
    await this.#settled.catch(() => {});
  }

  open(): Promise<Transaction> {
    this.#opening ??= new Promise((resolve, reject) => {
      this.#settled = this.#database.tx(
        (transaction) => {
          resolve(transaction);
          return this.#work.promise;
        },
        { signal: this.#signal, concurrent: true },
      );
      this.#settled.catch(reject);
    });
    return this.#opening;
  }

  /** The database's own template, except that a statement runs in the transaction when it is awaited. */
  #createSql(): Sql {
    const { sql } = this.#database;
    const template = <Row extends object & CamelCase<Row>>(
      strings: TemplateStringsArray,
      ...parameters: readonly SqlParameter[]
    ): SqlQuery<Row> => this.#defer(sql<Row>(strings, ...parameters));
    return Object.assign(template, {
      identifier: sql.identifier,
      json: sql.json,
      array: sql.array,
      rows: sql.rows,
      [sqlObserver]: this.#options.observer,
    });
  }

  #defer<Row extends object & CamelCase<Row>>(statement: SqlQuery<Row>): SqlQuery<Row> {
    let running: Promise<Row[]> | undefined;
    const run = () => {
      running ??= this.open().then((transaction) => this.#run<Row>(transaction, statement));
      return running;
    };
    // The statement stays usable as a fragment of another one; only how it runs changes.
    const deferred: Pick<Promise<Row[]>, 'then' | 'catch' | 'finally'> = {
      // biome-ignore lint/suspicious/noThenProperty: a query is a promise by design.
      then: (onFulfilled, onRejected) => run().then(onFulfilled, onRejected),
      catch: (onRejected) => run().catch(onRejected),
      finally: (onFinally) => run().finally(onFinally),
    };
    return Object.assign(statement, deferred);
  }

  #run<Row extends object & CamelCase<Row>>(
    transaction: Transaction,
    statement: SqlFragment,
  ): Promise<Row[]> {
    if (this.#options.savepoints !== true) return this.#observed(transaction.sql)<Row>`${statement}`;
    const alone = () => transaction.savepoint((sql) => this.#observed(sql)<Row>`${statement}`);
    const rows = this.#lastStatement.then(alone, alone);
    this.#lastStatement = rows;
    return rows;
  }

  #observed(sql: Sql): Sql {
    const { observer } = this.#options;
    return (observer && sql[sqlObserve]?.(observer)) ?? sql;
  }
}
