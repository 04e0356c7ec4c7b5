import type { Contract, MetricsOf, Operation } from '@banyan/contract';
import { type CallContext, isServiceError, ServiceError, type Sql, type Transaction } from '@banyan/core';
import type { CallRecord } from './audit-trail.ts';
import { createTx } from './create-tx.ts';
import type { DeferredTransaction } from './deferred-transaction.ts';
import { OperationHandlerContext, type ServiceRuntime } from './handler-context.ts';
import type { Outgoing } from './outgoing.ts';
import { traced } from './service-spans.ts';

/** A handler's context whose statements and transactions are all part of one, which may be undone and tried again. */
class RepeatableHandlerContext extends OperationHandlerContext {
  /** What its transactions tell others; a savepoint that is undone takes back what was added within. */
  readonly outgoing: Outgoing[] = [];
  /** What was measured beside its transactions: that nothing takes back. */
  readonly #measured: (() => void)[] = [];
  /** A transaction of the handler was undone, while its statements are still part of the one that all share. */
  hasUndone = false;

  /** Counts with the answer: with the commit, or with the refusal. */
  override get metrics(): MetricsOf<Contract> {
    return this.measured((measurement) => {
      this.#measured.push(measurement);
    });
  }

  /** To be called once, when it is certain that this attempt gives the answer. */
  countAnswered(): void {
    for (const measurement of this.#measured) measurement();
  }

  /** Runs the work of one of the handler's transactions, which nothing sets apart from the others. */
  protected async within<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      this.hasUndone = true;
      throw error;
    }
  }

  /** `error` is the answer: a refusal that is declared counts, anything else is asked again. */
  countRefusal(error: unknown): void {
    if (isServiceError(error) && error.declared) this.countAnswered();
  }
}

/** The transaction is the handler's own. */
export class KeyedHandlerContext extends RepeatableHandlerContext {
  readonly #transaction: DeferredTransaction;
  readonly #savepoints: boolean;

  constructor(
    runtime: ServiceRuntime,
    context: CallContext,
    parts: {
      readonly operation: Operation;
      readonly record: CallRecord | undefined;
      readonly transaction: DeferredTransaction;
      readonly savepoints: boolean;
    },
  ) {
    super(runtime, context, parts);
    this.#transaction = parts.transaction;
    this.#savepoints = parts.savepoints;
  }

  override get sql(): Sql {
    return this.#transaction.sql;
  }

  /** Shares nothing: it belongs to the transaction that keeps the reply. */
  override get groupCommit(): OperationHandlerContext['groupCommit'] {
    return (work) => this.tx((tx) => Promise.all(work(tx)) as Promise<never>);
  }

  override get tx(): OperationHandlerContext['tx'] {
    return async (work) => {
      const transaction = await this.#transaction.open();
      const { context, runtime, outgoing } = this;
      if (!this.#savepoints)
        return this.within(() => work(createTx(runtime, { context, transaction, outgoing })));
      const before = outgoing.length;
      try {
        return await transaction.savepoint((sql) =>
          work(createTx(runtime, { context, outgoing, transaction: { ...transaction, sql } })),
        );
      } catch (error) {
        // What the savepoint undid has not happened, so nobody may be told of it.
        outgoing.length = before;
        throw error;
      }
    };
  }
}

export interface SharedParts {
  readonly operation: Operation;
  /** Shared with other handlers, except that `sql` is the handler's own. */
  readonly transaction: Pick<Transaction, 'sql' | 'onCommit'>;
  /** The handler does what nobody may do who shares a transaction. */
  readonly onLeave: () => void;
}

/** The same in a transaction that others share: who reaches for something outside leaves it, and runs again in one of its own. */
export class SharedHandlerContext extends RepeatableHandlerContext {
  hasLeft = false;
  readonly #parts: SharedParts;

  constructor(runtime: ServiceRuntime, context: CallContext, parts: SharedParts) {
    super(runtime, context, { operation: parts.operation, record: undefined });
    this.#parts = parts;
  }

  override get sql(): Sql {
    return traced(this.runtime, this.context, this.#parts.transaction.sql);
  }

  override get groupCommit(): OperationHandlerContext['groupCommit'] {
    return (work) => this.tx((tx) => Promise.all(work(tx)) as Promise<never>);
  }

  override get tx(): OperationHandlerContext['tx'] {
    const { context, runtime, outgoing } = this;
    const { sql, onCommit } = this.#parts.transaction;
    // Statements of others would be part of a savepoint.
    const transaction = { sql, onCommit, savepoint: () => this.#leave() };
    return (work) => this.within(() => work(createTx(runtime, { context, transaction, outgoing })));
  }

  override get call(): never {
    return this.#leave();
  }

  override get request(): never {
    return this.#leave();
  }

  override get gather(): never {
    return this.#leave();
  }

  override get sagas(): never {
    return this.#leave();
  }

  #leave(): never {
    this.hasLeft = true;
    this.#parts.onLeave();
    throw new ServiceError('The handler calls out: it runs again in a transaction of its own.', {
      code: 'aborted',
      reason: 'leaves_group',
    });
  }
}
