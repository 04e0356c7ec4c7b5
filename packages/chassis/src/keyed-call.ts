import type { NewAuditRecord } from '@banyan/audit';
import { isStreaming, type Operation } from '@banyan/contract';
import { type CallContext, isServiceError } from '@banyan/core';
import { voidPrefix } from '@banyan/saga';
import type { CallRecord } from './audit-trail.ts';
import { createDeferredTransaction } from './deferred-transaction.ts';
import type { ServiceRuntime } from './handler-context.ts';
import { KeyedHandlerContext } from './keyed-context.ts';
import { type KeyedGroups, startKeyedGroups } from './keyed-group.ts';
import { recordOutgoing } from './outgoing.ts';
import { answerOf, type ReplyStore } from './reply-store.ts';
import type { OperationHandler } from './service.ts';

const sagaPrefix = 'saga/';

/** True for a call by which a saga asks for an effect that must happen once. */
export function isKeyedCall({ idempotencyKey }: CallContext, operation: Operation): boolean {
  if (idempotencyKey === undefined || isStreaming(operation)) return false;
  return idempotencyKey.startsWith(sagaPrefix) || idempotencyKey.startsWith(voidPrefix);
}

export interface KeyedCall {
  readonly operation: Operation;
  readonly handler: OperationHandler;
  readonly input: unknown;
  readonly context: CallContext;
  readonly record: CallRecord | undefined;
}

/** Runs operations that sagas call. */
export interface KeyedCalls {
  /**
   * Runs the handler as one transaction that commits with its reply, or as a part of one that several calls share; a call that was answered before gets
   * that reply, and has no effect.
   * @throws ServiceError `failed_precondition` `call_voided` if the caller gave the key up
   */
  run(call: KeyedCall): Promise<unknown>;
}

export function createKeyedCalls(runtime: ServiceRuntime): KeyedCalls {
  return new RecordedCalls(runtime);
}

class RecordedCalls implements KeyedCalls {
  readonly #runtime: ServiceRuntime;
  readonly #groups: KeyedGroups;
  /** Operations whose handlers go on after a statement that failed: each statement needs a savepoint. */
  readonly #careful = new Set<string>();

  constructor(runtime: ServiceRuntime) {
    this.#runtime = runtime;
    this.#groups = startKeyedGroups(runtime, (call, key) => this.#runAlone(call, key));
  }

  async run(call: KeyedCall): Promise<unknown> {
    const { operation, context, record } = call;
    const given = context.idempotencyKey ?? '';
    const isVoid = given.startsWith(voidPrefix);
    // Nobody takes another service's keys, or those of another operation.
    const key = `${context.caller.service} ${operation.name} ${isVoid ? given.slice(voidPrefix.length) : given}`;
    const { database } = this.#runtime;
    if (isVoid) return answerOf(await database.tx(({ sql }) => this.#replies.voidKey(sql, key)));
    // The record of an audited call belongs to one transaction.
    const isAlone = record !== undefined || this.#careful.has(operation.name);
    if (isAlone) return this.#runAlone(call, key);
    return this.#groups.run(call, key);
  }

  async #runAlone(call: KeyedCall, key: string): Promise<unknown> {
    const { operation } = call;
    const known = await this.#replies.find(this.#runtime.database.sql, key);
    if (known !== undefined) return answerOf(known);
    try {
      return await this.#attempt(call, key);
    } catch (error) {
      // Another attempt may have been faster, or ours took effect although its commit was not confirmed.
      const reply = await this.#replies.find(this.#runtime.database.sql, key).catch(() => undefined);
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

/** The handler went on in a transaction that one of its statements had ended. */
function isAfterFailure(error: unknown): boolean {
  return isServiceError(error) && error.reason === 'transaction_failed';
}
