import { type Clock, systemClock } from '@banyan/core';
import type { ClaimStore } from '../claim-store.ts';
import type { EventLog } from '../event-log.ts';
import type { Inbox } from '../inbox.ts';
import type { Outbox } from '../outbox.ts';
import type { RequestStore } from '../request-store.ts';
import { createMemoryClaimStore } from './memory-claim-store.ts';
import { createMemoryEventLog } from './memory-event-log.ts';
import { createMemoryInbox } from './memory-inbox.ts';
import { createMemoryLogStore, type MemoryLogOptions } from './memory-log-store.ts';
import { createMemoryOutbox } from './memory-outbox.ts';
import { createMemoryRequestStore } from './memory-request-store.ts';
import { createMemoryTransactions, type MemoryTransactions } from './memory-transactions.ts';

/** Every port in memory, for unit tests: nothing survives the process. They pass the conformance suites. */
export interface MemoryEvents {
  readonly log: EventLog;
  /** Another handle on the same log, as another process would have. */
  createLog(): EventLog;
  /** Puts a record in the log that may be no event. */
  publishRaw(topic: string, partition: number, text: string): Promise<void>;
  createOutbox(): Outbox;
  createInbox(): Inbox;
  createRequestStore(): RequestStore;
  createClaimStore(): ClaimStore;
  /** Runs a transaction that outboxes and inboxes take part in; its `sql` runs no statements. */
  readonly tx: MemoryTransactions['tx'];
}

export function createMemoryEvents(clock: Clock = systemClock, options: MemoryLogOptions = {}): MemoryEvents {
  const transactions = createMemoryTransactions();
  const store = createMemoryLogStore(clock, options);
  return {
    log: createMemoryEventLog(store),
    createLog: () => createMemoryEventLog(store),
    async publishRaw(topic, partition, text) {
      store.add(partition, topic, text);
    },
    createOutbox: () => createMemoryOutbox(transactions, clock),
    createInbox: () => createMemoryInbox(transactions, clock),
    createRequestStore: () => createMemoryRequestStore(transactions, clock),
    createClaimStore: () => createMemoryClaimStore(clock),
    tx: transactions.tx,
  };
}
