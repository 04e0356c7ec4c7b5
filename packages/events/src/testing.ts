export { type ClaimStoreFixture, describeClaimStore } from './testing/describe-claim-store.ts';
export { describeEventLog } from './testing/describe-event-log.ts';
export {
  describeEventsModel,
  type EventsModelFixture,
  type EventsModelOptions,
} from './testing/describe-events-model.ts';
export { describeInbox } from './testing/describe-inbox.ts';
export { describeOutbox } from './testing/describe-outbox.ts';
export { describeRequestStore, type RequestStoreFixture } from './testing/describe-request-store.ts';
export type { InboxFixture } from './testing/inbox-driver.ts';
export type { EventLogFixture } from './testing/log-driver.ts';
export { createMemoryEvents, type MemoryEvents } from './testing/memory-events.ts';
export type { MemoryLogOptions } from './testing/memory-log-store.ts';
export type { OutboxFixture } from './testing/outbox-driver.ts';
