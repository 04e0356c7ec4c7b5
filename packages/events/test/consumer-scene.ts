import type { Sql } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';
import {
  type BatchOutcome,
  type CloudEvent,
  type ConsumerOptions,
  createConsumer,
  type EventBatch,
  orderingKeyOf,
} from '@banyan/events';
import { createMemoryEvents } from '@banyan/events/testing';
import { valueIn } from './samples.ts';

export type Handle = ConsumerOptions['handle'];

interface OpenTransaction {
  readonly sql: Sql;
  onCommit(listener: () => void): void;
}

export type HandleOne = (event: CloudEvent, transaction: OpenTransaction) => Promise<void> | void;

/** A consumer in memory, with a clock that the test moves. */
export function createScene(handle: Handle, options: Partial<ConsumerOptions> = {}) {
  const clock = createManualClock();
  const events = createMemoryEvents(clock);
  const { log, createInbox, tx } = events;
  const inbox = createInbox();
  const createInstance = (instance: string, more: Partial<ConsumerOptions> = {}) =>
    createConsumer({
      gatherMs: 0,
      name: 'mail',
      instance,
      log,
      inbox,
      topics: ['orders.placed'],
      handle,
      clock,
      random: () => 1,
      ...options,
      ...more,
    });
  /** Handles a batch as a service does: the keys of events that fail are refused, and nothing is committed then. */
  const handleBatch = async (batch: EventBatch, handleOne: HandleOne): Promise<BatchOutcome> => {
    const refused = new Set<string>();
    try {
      return await tx(async (transaction) => {
        const admitted = await batch.admit(transaction.sql);
        for (const event of admitted) {
          try {
            await handleOne(event, transaction);
          } catch {
            refused.add(orderingKeyOf(event));
          }
        }
        if (refused.size > 0) throw new Error('refused');
        batch.beforeCommit();
        return { kind: 'committed', handled: admitted.length } as const;
      });
    } catch (error) {
      if (refused.size === 0) throw error;
      return { kind: 'refused', keys: [...refused] };
    }
  };
  return { ...events, clock, inbox, tx, createInstance, handleBatch, consumer: createInstance('mail-1') };
}

/** A handler that notes what it was given. */
export function createRecorder(inner: Handle = async () => {}) {
  const handled: unknown[] = [];
  const attempts: number[] = [];
  const handle: Handle = async (event, delivery) => {
    attempts.push(delivery.attempt);
    await inner(event, delivery);
    handled.push(valueIn(event));
  };
  return { handled, attempts, handle };
}
