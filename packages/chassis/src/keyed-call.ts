import type { NewAuditRecord } from '@banyan/audit';
import { isStreaming, type Operation } from '@banyan/contract';
import { type CallContext, isServiceError, ServiceError, type Sql } from '@banyan/core';
import { voidPrefix } from '@banyan/saga';
import type { CallRecord } from './audit-trail.ts';
import { createTx } from './create-tx.ts';
import { createDeferredTransaction, type DeferredTransaction } from './deferred-transaction.ts';
import { OperationHandlerContext, type ServiceRuntime } from './handler-context.ts';
import { type Outgoing, recordOutgoing } from './outgoing.ts';
import type { OperationHandler } from './service.ts';

/** A reply as it is kept; `void` if the operation may not run any more. */
export type StoredReply = { readonly kind: 'reply'; readonly value: unknown } | { readonly kind: 'void' };

/**
 * Replies to keyed calls, kept in the participant's own database.
 *
 * - **Atomicity**: `store` and `voidKey` take effect with the transaction of `sql`.
 * - **Once**: a key has one reply; a second `store` rejects with `already_exists`. Both wait for an open transaction that has the same key.
 */
export interface ReplyStore {
  find(sql: Sql, key: string): Promise<StoredReply | undefined>;
  store(sql: Sql, key: string, value: unknown): Promise<void>;
  /** Takes the key for good, unless there is a reply. */
  voidKey(sql: Sql, key: string): Promise<StoredReply>;
}

const sagaPrefix = 'saga/';

/** True for a call by which a saga asks for an effect that must happen once. */
export function isKeyedCall({ idempotencyKey }: CallContext, operation: Operation): boolean {
  if (idempotencyKey === undefined || isStreaming(operation)) return false;
  return idempotencyKey.startsWith(sagaPrefix) || idempotencyKey.startsWith(voidPrefix);
}

interface KeyedCall {
  readonly operation: Operation;
  readonly handler: OperationHandler;
  readonly input: unknown;
  readonly context: CallContext;
  readonly record: CallRecord | undefined;
}

/** Runs operations that sagas call. */
export interface KeyedCalls {
  /**
   * Runs the handler as one transaction that commits with its reply; a call that was answered before gets that reply, and its handler does not run.
   * @throws ServiceError `failed_precondition` `call_voided` if the caller gave the key up
   */
  run(call: KeyedCall): Promise<unknown>;
}

export function createKeyedCalls(runtime: ServiceRuntime): KeyedCalls {
  return new RecordedCalls(runtime);
}

class RecordedCalls implements KeyedCalls {
  readonly #runtime: ServiceRuntime;
  /** Operations whose handlers go on after a statement that failed: each statement needs a savepoint. */
  readonly #careful = new Set<string>();

  constructor(runtime: ServiceRuntime) {
    this.#runtime = runtime;
  }

  async run(call: KeyedCall): Promise<unknown> {
    const { operation, context } = call;
    const given = context.idempotencyKey ?? '';
    const isVoid = given.startsWith(voidPrefix);
    // Nobody takes another service's keys, or those of another operation.
    const key = `${context.caller.service} ${operation.name} ${isVoid ? given.slice(voidPrefix.length) : given}`;
    const { database } = this.#runtime;
    if (isVoid) return answerOf(await database.tx(({ sql }) => this.#replies.voidKey(sql, key)));
    const known = await this.#replies.find(database.sql, key);
    if (known !== undefined) return answerOf(known);
    try {
      return await this.#attempt(call, key);
    } catch (error) {
      // Another attempt may have been faster, or ours took effect although its commit was not confirmed.
      const reply = await this.#replies.find(database.sql, key).catch(() => undefined);
      if (reply !== undefined) return answerOf(reply);
      if (!isAfterFailure(error) || this.#careful.has(operation.name)) throw error;
      this.#careful.add(operation.name);
      return await this.#attempt(call, key);
    }
  }

  get #replies(): ReplyStore {
    const { replies } = this.#runtime;
    if (replies === undefined) throw new TypeError('a keyed call needs a database');
    return replies;
  }

  #attempt(call: KeyedCall, key: string): Promise<unknown> {
    const { record } = call;
    if (record === undefined) return this.#transact(call, key, undefined);
    return record.carriedBy((audit) => this.#transact(call, key, audit));
  }

  async #transact(
    { operation, handler, input, context, record }: KeyedCall,
    key: string,
    audit: NewAuditRecord | undefined,
  ): Promise<unknown> {
    const savepoints = this.#careful.has(operation.name);
    const transaction = createDeferredTransaction(this.#runtime.database, context.signal, { savepoints });
    const keyed = new KeyedHandlerContext(this.#runtime, context, {
      operation,
      record,
      transaction,
      savepoints,
    });
    if (audit !== undefined) keyed.outgoing.push({ audit });
    try {
      const result = await handler(input, keyed);
      await transaction.commit(async (open) => {
        await Promise.all([
          this.#replies.store(open.sql, key, result),
          recordOutgoing(this.#runtime, open, keyed.outgoing),
        ]);
      });
      return result;
    } catch (error) {
      await transaction.rollback(error);
      throw error;
    }
  }
}

/** A handler's context whose statements and transactions are all part of one. */
class KeyedHandlerContext extends OperationHandlerContext {
  readonly outgoing: Outgoing[] = [];
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
      if (!this.#savepoints) return work(createTx(runtime, { context, transaction, outgoing }));
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

function answerOf(reply: StoredReply): unknown {
  if (reply.kind === 'reply') return reply.value;
  throw new ServiceError('The caller gave this call up before it was handled.', {
    code: 'failed_precondition',
    reason: 'call_voided',
    notStarted: true,
  });
}

/** The handler went on in a transaction that one of its statements had ended. */
function isAfterFailure(error: unknown): boolean {
  return isServiceError(error) && error.reason === 'transaction_failed';
}
