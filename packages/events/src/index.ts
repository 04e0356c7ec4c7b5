export type { Alarm } from './alarm.ts';
export type { ClaimStore } from './claim-store.ts';
export {
  type CloudEvent,
  createEvent,
  decodeEvent,
  encodeEvent,
  maxEventBytes,
  type NewEvent,
  orderingKeyOf,
  parseEvent,
  serviceOfEvent,
  topicOf,
  userOfEvent,
} from './cloud-event.ts';
export { type Consumer, type ConsumerStatus, createConsumer } from './consumer.ts';
export type { ConsumerOptions } from './consumer-settings.ts';
export type { Delivery } from './delivery.ts';
export { channelOf, type EncodedEvent, partitionOf, toEncodedEvent } from './encoded-event.ts';
export { eventsErrors } from './errors.ts';
export type { BatchOutcome, EventBatch } from './event-batch.ts';
export {
  type EventLog,
  type LogFeatures,
  type LogPage,
  type LogPosition,
  type LogReader,
  lossOf,
  type MalformedRecord,
  type PositionLoss,
  type ReadRequest,
  type StartAt,
} from './event-log.ts';
export type {
  Arrival,
  AuditEntry,
  Claim,
  ClaimRequest,
  DeadLetter,
  DeadLetterChoice,
  DeadLetterPlace,
  DeadLetterTotal,
  Failure,
  Inbox,
  InboxCounts,
  PartitionLease,
  PartitionPlace,
  ReplayRequest,
  Share,
  ShareRequest,
} from './inbox.ts';
export { decodeLogin, LogUrlSettings } from './log-url.ts';
export { toMalformedRecord } from './malformed-record.ts';
export {
  askForAnswers,
  createMessage,
  createReply,
  expiredType,
  isExpired,
  type NewMessage,
  type NewReply,
  replyChannel,
} from './message.ts';
export type {
  AppendOptions,
  Outbox,
  OutboxBacklog,
  OutboxCursor,
  OutboxDeadLetter,
  OutboxPage,
  RelayLease,
} from './outbox.ts';
export { createOutboxKeeper, type OutboxKeeperOptions } from './outbox-keeper.ts';
export type { DeliverTwiceOptions } from './rehearsal.ts';
export { createRelay, type Relay, type RelayOptions, type RelayStatus } from './relay.ts';
export type {
  AnswerVerdict,
  NewAnswer,
  NewRequest,
  RequestCounts,
  RequestStore,
  StoredAnswer,
  StoredRequest,
} from './request-store.ts';
export { createWakeUp, type WakeUp } from './wake-up.ts';
