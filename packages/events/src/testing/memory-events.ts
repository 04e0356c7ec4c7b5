import { type Clock, systemClock } from '@banyan/core';
import type { EventLog } from '../event-log.ts';
import type { Inbox } from '../inbox.ts';
import type { Outbox } from '../outbox.ts';
import { createMemoryEventLog } from './memory-event-log.ts';
import { createMemoryInbox } from './memory-inbox.ts';
import { createMemoryOutbox } from './memory-outbox.ts';
import { createMemoryTransactions, type MemoryTransactions } from './memory-transactions.ts';

/** All three ports in memory, for unit tests: nothing survives the process. They pass the conformance suites. */
export interface MemoryEvents {
  readonly log: EventLog;
  createOutbox(): Outbox;
  createInbox(): Inbox;
  /** Runs a transaction that outboxes and inboxes take part in; its `sql` runs no statements. */
  readonly tx: MemoryTransactions['tx'];
}

export function createMemoryEvents(clock: Clock = systemClock): MemoryEvents {
  const transactions = createMemoryTransactions();
  return {
    log: createMemoryEventLog(),
    createOutbox: () => createMemoryOutbox(transactions, clock),
    createInbox: () => createMemoryInbox(transactions, clock),
    tx: transactions.tx,
  };
}
