export { describeEventLog, type EventLogFixture } from './testing/describe-event-log.ts';
export { describeInbox } from './testing/describe-inbox.ts';
export { describeOutbox, type OutboxFixture } from './testing/describe-outbox.ts';
export type { InboxFixture } from './testing/inbox-driver.ts';
export { createMemoryEvents, type MemoryEvents } from './testing/memory-events.ts';
