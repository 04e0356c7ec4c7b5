export {
  type CloudEvent,
  createEvent,
  encodeEvent,
  maxEventBytes,
  type NewEvent,
  orderingKeyOf,
  parseEvent,
  serviceOfEvent,
  topicOf,
  userOfEvent,
} from './cloud-event.ts';
export {
  type Consumer,
  type ConsumerOptions,
  type ConsumerStatus,
  createConsumer,
} from './consumer.ts';
export type { DeliverTwiceOptions, Delivery } from './delivery.ts';
export { eventsErrors } from './errors.ts';
export type { EventLog, LogPage, LogPosition } from './event-log.ts';
export type {
  Checkpoint,
  Claim,
  ClaimRequest,
  DeadLetter,
  Failure,
  Inbox,
  InboxCounts,
  Ingestion,
} from './inbox.ts';
export type { Outbox, OutboxBacklog, Transfer } from './outbox.ts';
export { createRelay, type Relay, type RelayOptions, type RelayStatus } from './relay.ts';
