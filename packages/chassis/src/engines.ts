import type { RuntimeDocuments } from '@banyan/config';
import type { Database } from '@banyan/core';
import type { Registry } from '@banyan/discovery';
import type { ClaimStore, EventLog, Inbox, Outbox, RequestStore } from '@banyan/events';
import type { FlowStore } from '@banyan/flow';
import type { SagaStore } from '@banyan/saga';
import type { ReplyStore } from './reply-store.ts';
import type { Service } from './service.ts';

/** What one service owns in the outside world. */
export interface ServiceStore {
  readonly database: Database;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly requests: RequestStore;
  readonly sagas: SagaStore;
  readonly replies: ReplyStore;
  readonly flows: FlowStore;
  /** Rejects if the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The engines that a host runs on; the command line picks them by URL. */
export interface Engines {
  readonly registry: Registry;
  readonly log: EventLog;
  readonly claims: ClaimStore;
  /** What operators change while the system runs, such as traffic rules. */
  readonly documents: RuntimeDocuments;
  /** Opens the service's own database and brings its tables up to date. */
  openStore(service: Service): Promise<ServiceStore>;
}
