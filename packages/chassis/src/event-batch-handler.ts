import {
  type CallContext,
  type Caller,
  type ErrorCode,
  isServiceError,
  ServiceError,
  type Sql,
  type TraceContext,
} from '@banyan/core';
import {
  type BatchOutcome,
  type CloudEvent,
  type EventBatch,
  orderingKeyOf,
  serviceOfEvent,
  topicOf,
  userOfEvent,
} from '@banyan/events';
import { childTrace, createTrace, endRejected, parseTraceparent, type Span } from '@banyan/telemetry';
import { EventHandlerContext, type Handling } from './event-context.ts';
import type { ServiceRuntime } from './handler-context.ts';
import { type Interleaving, watchInterleaving } from './interleaving.ts';
import { type Outgoing, recordOutgoing } from './outgoing.ts';
import { traced, within } from './service-spans.ts';
import type { Subscription } from './subscriptions.ts';

/** Handles the events of a page in one transaction, for topics whose handlers keep to the database. */
export interface BatchHandler {
  /** False for a topic whose handler was seen to call other services: while it waits it may not hold a transaction that others share. */
  isBatchable(topic: string): boolean;
  handle(batch: EventBatch): Promise<BatchOutcome>;
}

export function createBatchHandler(
  subscriptions: ReadonlyMap<string, Subscription>,
  runtime: ServiceRuntime,
): BatchHandler {
  return new SharedTransactionHandler(subscriptions, runtime);
}

class SharedTransactionHandler implements BatchHandler {
  readonly #subscriptions: ReadonlyMap<string, Subscription>;
  readonly #runtime: ServiceRuntime;
  readonly #aloneTopics = new Set<string>();
  /** Topics whose handlers ask the database more than once: nobody else may ask between. */
  readonly #orderedTopics = new Set<string>();

  constructor(subscriptions: ReadonlyMap<string, Subscription>, runtime: ServiceRuntime) {
    this.#subscriptions = subscriptions;
    this.#runtime = runtime;
  }

  isBatchable(topic: string): boolean {
    return !this.#aloneTopics.has(topic);
  }

  async handle(batch: EventBatch): Promise<BatchOutcome> {
    for (;;) {
      const work = startWork(batch);
      try {
        const outcome = await this.#attempt(work);
        for (const span of work.spans) span.end();
        return outcome;
      } catch (error) {
        for (const span of work.spans) endUndone(span);
        // Once for each topic: from now on its handlers take turns.
        if (work.interleaving.happened) continue;
        const keys = work.refusals.keysFor(error);
        if (keys.length === 0) throw error;
        return { kind: 'refused', keys };
      }
    }
  }

  async #attempt(work: Work): Promise<BatchOutcome> {
    const { batch, refusals, interleaving } = work;
    let handled = 0;
    await this.#runtime.database.tx(
      async (transaction) => {
        const { sql } = transaction;
        const events = await batch.admit(sql);
        handled = events.length;
        refusals.watch(events.map(orderingKeyOf));
        const outgoing: Outgoing[] = [];
        await this.#runHandlers(events, { ...work, sql, outgoing });
        if (interleaving.happened) throw new Error('undone: handlers asked between each other');
        await refusals.judge(sql);
        refusals.throwFirst();
        batch.beforeCommit();
        await recordOutgoing(this.#runtime, transaction, outgoing);
      },
      { concurrent: true, signal: batch.signal },
    );
    return { kind: 'committed', handled };
  }

  /** In the order of the log, as far as it can be told from the outcome: handlers that ask the database once run side by side. */
  async #runHandlers(events: readonly CloudEvent[], work: OpenWork): Promise<void> {
    let together: CloudEvent[] = [];
    for (const event of events) {
      if (!this.#orderedTopics.has(topicOf(event))) {
        together.push(event);
        continue;
      }
      await this.#runTogether(together, work);
      together = [];
      if (work.refusals.size > 0) return;
      await this.#runChain(orderingKeyOf(event), [event], work);
    }
    await this.#runTogether(together, work);
  }

  /** Side by side for different keys; one after the other for events of one key. */
  async #runTogether(events: readonly CloudEvent[], work: OpenWork): Promise<void> {
    const chains = Map.groupBy(events, orderingKeyOf);
    await Promise.all([...chains].map(([key, chain]) => this.#runChain(key, chain, work)));
  }

  async #runChain(key: string, events: readonly CloudEvent[], work: OpenWork): Promise<void> {
    try {
      for (const event of events) await this.#runHandler(event, work);
    } catch (error) {
      work.refusals.add(key, error);
    }
  }

  async #runHandler(event: CloudEvent, work: OpenWork): Promise<void> {
    const { batch, sql, outgoing, interleaving, spans } = work;
    const topic = topicOf(event);
    const subscription = this.#subscriptions.get(topic);
    if (subscription === undefined) return;
    const span = this.#runtime.spans?.events.handled(event, 1);
    if (span !== undefined) spans.push(span);
    const callContext = new BatchCallContext(event, batch, span);
    const onLeave = () => this.#aloneTopics.add(topic);
    const tracedSql = traced(this.#runtime, callContext, sql);
    const { sql: ownSql } = interleaving.admit(tracedSql, () => this.#orderedTopics.add(topic));
    const handling = { event, attempt: 1, sql: ownSql, outgoing };
    const context = new BatchEventContext(this.#runtime, callContext, { ...handling, onLeave });
    try {
      await within(this.#runtime, span, () => subscription.run(context));
    } catch (error) {
      // The transaction is undone without it, and others are not to blame.
      if (span !== undefined && !isAborted(error)) endRejected(span, error);
      throw error;
    }
    // The handler may have caught the error.
    if (!context.hasLeft) return;
    throw leavesBatch(topic);
  }
}

/** One attempt at a batch. */
interface Work {
  readonly batch: EventBatch;
  readonly refusals: Refusals;
  readonly interleaving: Interleaving;
  /** Of the events that are being handled; they end when it is known whether all of it is committed. */
  readonly spans: Span[];
}

interface OpenWork extends Work {
  readonly sql: Sql;
  readonly outgoing: Outgoing[];
}

function startWork(batch: EventBatch): Work {
  return { batch, refusals: new Refusals(), interleaving: watchInterleaving(), spans: [] };
}

/** It was handled, and then undone with the others: it will be handled again. */
function endUndone(span: Span): void {
  span.set('banyan.undone', true);
  span.end();
}

function isAborted(error: unknown): boolean {
  return isServiceError(error) && error.code === 'aborted';
}

/** Codes of a batch's transaction as a whole: no event of it is to blame. */
const commonCodes: ReadonlySet<ErrorCode> = new Set([
  'unavailable',
  'aborted',
  'cancelled',
  'deadline_exceeded',
]);

/** Whose events failed. After a failed statement the others of the transaction fail too, which says nothing about their events. */
class Refusals {
  readonly #keys = new Set<string>();
  readonly #errors = new Map<string, unknown>();
  #isSound = false;

  /** Every key of the batch. */
  watch(keys: Iterable<string>): void {
    for (const key of keys) this.#keys.add(key);
  }

  add(key: string, error: unknown): void {
    this.#errors.set(key, error);
  }

  get size(): number {
    return this.#errors.size;
  }

  /** A transaction that still answers is not what failed: then a handler that says `unavailable` speaks of something of its own, and holds up its key alone. */
  async judge(sql: Sql): Promise<void> {
    if (this.#errors.size === 0) return;
    this.#isSound = await sql`select 1`.then(
      () => true,
      () => false,
    );
  }

  throwFirst(): void {
    if (this.#errors.size === 0) return;
    const errors = [...this.#errors.values()];
    throw errors.find((error) => this.#isOwn(error)) ?? errors[0];
  }

  /** The keys to blame for what the transaction rejected with; none if it would have failed without these events. */
  keysFor(error: unknown): readonly string[] {
    const own = [...this.#errors].filter(([, each]) => this.#isOwn(each)).map(([key]) => key);
    if (own.length > 0) return own;
    // A handler that catches a failed statement hides whose it was: everybody goes alone.
    return isServiceError(error) && error.reason === 'transaction_failed' ? [...this.#keys] : [];
  }

  #isOwn(error: unknown): boolean {
    return this.#isSound || isOwn(error);
  }
}

function isOwn(error: unknown): boolean {
  if (!isServiceError(error) || error.declared || error.reason === 'leaves_batch') return true;
  return !commonCodes.has(error.code) && error.reason !== 'transaction_failed';
}

/** Reaching for another service ends the handler: it starts again in a transaction of its own. */
class BatchEventContext extends EventHandlerContext {
  hasLeft = false;
  readonly #onLeave: () => void;

  constructor(runtime: ServiceRuntime, context: CallContext, handling: Handling & { onLeave(): void }) {
    super(runtime, context, handling);
    this.#onLeave = handling.onLeave;
  }

  override get call(): never {
    return this.leaveBatch('always');
  }

  override leaveBatch(howOften: 'once' | 'always'): never {
    this.hasLeft = true;
    if (howOften === 'always') this.#onLeave();
    throw leavesBatch(topicOf(this.handling.event));
  }
}

/** Made for every event, so it holds two references and derives the rest when asked. */
class BatchCallContext implements CallContext {
  readonly #event: CloudEvent;
  readonly #batch: EventBatch;
  #trace: TraceContext | undefined;

  constructor(event: CloudEvent, batch: EventBatch, span: Span | undefined) {
    this.#event = event;
    this.#batch = batch;
    this.#trace = span;
  }

  get trace(): TraceContext {
    if (this.#trace === undefined) {
      const cause = parseTraceparent(this.#event.traceparent);
      this.#trace = cause === undefined ? createTrace() : childTrace(cause);
    }
    return this.#trace;
  }

  get caller(): Caller {
    const service = serviceOfEvent(this.#event);
    const user = userOfEvent(this.#event);
    return user === undefined ? { service } : { service, user };
  }

  get deadlineMs(): number {
    return this.#batch.deadlineMs;
  }

  get signal(): AbortSignal {
    return this.#batch.signal;
  }

  get idempotencyKey(): string {
    return this.#event.id;
  }
}

function leavesBatch(topic: string): ServiceError {
  return new ServiceError(`The handler of ${topic} calls out: it runs again in a transaction of its own.`, {
    code: 'aborted',
    reason: 'leaves_batch',
  });
}
