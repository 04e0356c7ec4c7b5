import { isStreaming, type Operation } from '@banyan/contract';
import { type CallContext, isServiceError, ServiceError } from '@banyan/core';
import { isSagaKey } from '@banyan/rpc';
import { voidPrefix } from '@banyan/saga';
import type { CallRecord } from './audit-trail.ts';
import { createDeferredTransaction, type DeferredTransaction } from './deferred-transaction.ts';
import type { ServiceRuntime } from './handler-context.ts';
import { KeyedHandlerContext } from './keyed-context.ts';
import { type KeyedGroups, startKeyedGroups } from './keyed-group.ts';
import { recordOutgoing } from './outgoing.ts';
import { answerOf, type ReplyStore, type StoredReply } from './reply-store.ts';
import type { OperationHandler } from './service.ts';

/** True for a call by which a saga asks for an effect that must happen once. */
export function isKeyedCall({ idempotencyKey, caller }: CallContext, operation: Operation): boolean {
  if (idempotencyKey === undefined || isStreaming(operation)) return false;
  // The gateway runs no sagas: what it brings was written by somebody outside.
  return caller.service !== 'gateway' && isSagaKey(idempotencyKey);
}

export interface KeyedCall {
  readonly operation: Operation;
  readonly handler: OperationHandler;
  readonly input: unknown;
  readonly context: CallContext;
  readonly record: CallRecord | undefined;
}

/** One try to run a call as a transaction of its own. */
interface Attempt {
  readonly transaction: DeferredTransaction;
  /** Each statement of it has one. */
  readonly savepoints: boolean;
  readonly context: KeyedHandlerContext;
}

/** Runs operations that sagas call. */
export interface KeyedCalls {
  /**
   * Runs the handler as one transaction that commits with its reply, or as a part of one that several calls share; a call that was answered before gets
   * that reply, and has no effect.
   * @throws ServiceError `failed_precondition` `call_voided` if the caller gave the key up; `no_saga_calls`
   */
  run(call: KeyedCall): Promise<unknown>;
  /**
   * What a call that may not be made any more leads to all the same: it was made before and gets that reply, or it only gives its key up. Undefined
   * otherwise. A policy that changes halfway through a saga must not make it believe that nothing happened.
   * @throws as `run`
   */
  settled(call: KeyedCall): Promise<{ readonly answer: unknown } | undefined>;
}

export interface KeyedCallsOptions {
  /** See `ServiceOptions.actsOutside`. */
  readonly actsOutside: boolean;
}

export function createKeyedCalls(runtime: ServiceRuntime, options: KeyedCallsOptions): KeyedCalls {
  return new RecordedCalls(runtime, options);
}

class RecordedCalls implements KeyedCalls {
  readonly #runtime: ServiceRuntime;
  readonly #actsOutside: boolean;
  readonly #groups: KeyedGroups;
  /** Operations whose handlers go on after a statement that failed, or a transaction that was undone: each needs a savepoint. */
  readonly #careful = new Set<string>();

  constructor(runtime: ServiceRuntime, { actsOutside }: KeyedCallsOptions) {
    this.#runtime = runtime;
    this.#actsOutside = actsOutside;
    this.#groups = startKeyedGroups(runtime, (call, key) => this.#runAlone(call, key));
  }

  async run(call: KeyedCall): Promise<unknown> {
    const { operation, context, record } = call;
    const isVoid = context.idempotencyKey?.startsWith(voidPrefix) === true;
    const key = keyOf(call);
    const { database } = this.#runtime;
    if (isVoid) {
      record?.leaveOut();
      return answerOf(await database.tx(({ sql }) => this.#replies.voidKey(sql, key)));
    }
    if (this.#actsOutside && !mayBeSagaCall(operation)) throw noSagaCalls(operation);
    // The record of an audited call belongs to one transaction; nobody who shares one may wait for another program.
    const isAlone = this.#actsOutside || record !== undefined || this.#careful.has(operation.name);
    if (isAlone) return this.#runAlone(call, key);
    return this.#groups.run(call, key);
  }

  async settled(call: KeyedCall): Promise<{ readonly answer: unknown } | undefined> {
    if (call.context.idempotencyKey?.startsWith(voidPrefix)) return { answer: await this.run(call) };
    const known = await this.#replies.find(this.#runtime.database.sql, keyOf(call));
    return known === undefined ? undefined : { answer: answerOf(known) };
  }

  async #runAlone(call: KeyedCall, key: string): Promise<unknown> {
    const { operation, record } = call;
    const known = await this.#replies.find(this.#runtime.database.sql, key);
    if (known !== undefined) return answerAgain(known, record);
    const attempt = this.#begin(call);
    try {
      return await this.#attempt(call, key, attempt);
    } catch (error) {
      // Another attempt may have been faster, or ours took effect although its commit was not confirmed.
      const reply = await this.#replies.find(this.#runtime.database.sql, key).catch(() => undefined);
      if (reply !== undefined) return answerAgain(reply, record);
      if (isAfterFailure(error) && !attempt.savepoints) {
        this.#careful.add(operation.name);
        return await this.#runAlone(call, key);
      }
      attempt.context.countRefusal(error);
      throw error;
    }
  }

  get #replies(): ReplyStore {
    const { replies } = this.#runtime;
    if (replies === undefined) throw new TypeError('a keyed call needs a database');
    return replies;
  }

  /** Opens nothing yet. */
  #begin({ operation, context, record }: KeyedCall): Attempt {
    const savepoints = this.#careful.has(operation.name);
    const transaction = createDeferredTransaction(this.#runtime.database, context.signal, {
      savepoints,
      observer: this.#runtime.spans?.statements.observer(context.trace),
    });
    const parts = { operation, record, transaction, savepoints };
    return { savepoints, transaction, context: new KeyedHandlerContext(this.#runtime, context, parts) };
  }

  #attempt(call: KeyedCall, key: string, attempt: Attempt): Promise<unknown> {
    const { record } = call;
    if (record === undefined) return this.#transact(call, key, attempt);
    return record.carriedBy((audit) => {
      if (audit !== undefined) attempt.context.outgoing.push({ audit });
      return this.#transact(call, key, attempt);
    });
  }

  async #transact(
    { handler, input }: KeyedCall,
    key: string,
    { transaction, context }: Attempt,
  ): Promise<unknown> {
    try {
      const result = await handler(input, context);
      if (context.hasUndone) throw wentOn;
      await transaction.commit(async (open) => {
        open.onCommit(() => context.countAnswered());
        await Promise.all([
          this.#replies.store(open.sql, key, result),
          recordOutgoing(this.#runtime, open, context.outgoing),
        ]);
      });
      return result;
    } catch (error) {
      await transaction.rollback(error);
      throw error;
    }
  }
}

/** Of a service that acts outside: what changes nothing need not be undone. */
export function mayBeSagaCall({ method }: Operation): boolean {
  return method === 'GET';
}

function noSagaCalls({ service, name }: Operation): ServiceError {
  return new ServiceError(
    `'${service}.${name}' acts outside of the platform: no saga could learn whether it has happened.`,
    { code: 'failed_precondition', reason: 'no_saga_calls', notStarted: true },
  );
}

/** What the call did is on record since it was answered first; a key that was given up is a refusal of its own. */
function answerAgain(reply: StoredReply, record: CallRecord | undefined): unknown {
  if (reply.kind === 'reply') record?.leaveOut();
  return answerOf(reply);
}

/** Nobody takes another service's keys, or those of another operation. */
function keyOf({ operation, context }: KeyedCall): string {
  const given = context.idempotencyKey ?? '';
  const key = given.startsWith(voidPrefix) ? given.slice(voidPrefix.length) : given;
  return `${context.caller.service} ${operation.name} ${key}`;
}

/** The handler went on after a transaction that was undone: what that did must not be committed with the rest. */
const wentOn = new Error('the handler needs savepoints');

/** The handler went on; or it did so in a transaction that one of its statements had ended. */
function isAfterFailure(error: unknown): boolean {
  return error === wentOn || (isServiceError(error) && error.reason === 'transaction_failed');
}
