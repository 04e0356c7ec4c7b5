export { createEventStore, defineEventStore, type EventStoreOptions } from './create-event-store.ts';
export { positionOf } from './cursor.ts';
export { type EventStoreReason, eventStoreErrors } from './errors.ts';
export type {
  AppendCondition,
  Appended,
  AppendOptions,
  AppendTransaction,
  EventCursor,
  EventFilter,
  EventMetadata,
  EventPage,
  EventQuery,
  EventQueryItem,
  EventStore,
  EventStoreDatabase,
  ExpectedRevision,
  ReadLogOptions,
  ReadStreamOptions,
  Recorded,
  RecordedEvent,
} from './event-store.ts';
export {
  defineEvent,
  defineEvents,
  type EventDefinition,
  type EventOf,
  type EventOptions,
  type EventTypes,
  type NewEvent,
  type PersonalData,
} from './event-types.ts';
export type { KeyEncryption } from './subject-keys.ts';
