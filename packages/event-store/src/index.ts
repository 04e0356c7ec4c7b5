export {
  type Aggregate,
  type AggregateEvent,
  type AggregateOptions,
  type Compensations,
  defineAggregate,
} from './aggregate.ts';
export type { SubscriptionLag } from './checkpoints.ts';
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
export type { LogReader, ReaderStanding } from './log-reader.ts';
export {
  createProjection,
  defineProjection,
  type Projection,
  type ProjectionContext,
  type ProjectionOptions,
  type ProjectionTables,
  type RunningProjection,
} from './projection.ts';
export {
  definePublication,
  type Emitting,
  type Publication,
  type PublicationMap,
  type Published,
} from './publication.ts';
export {
  createRepository,
  type Executed,
  type ExecuteOptions,
  type Loaded,
  type LoadOptions,
  type Repository,
  type RepositoryOptions,
} from './repository.ts';
export { createElasticsearch, type ElasticsearchOptions } from './search/elasticsearch.ts';
export { createPostgresSearch } from './search/postgres-search.ts';
export type {
  DocumentValues,
  FieldKind,
  IndexVersion,
  SearchDocument,
  SearchEngine,
  SearchFields,
  SearchHit,
  SearchRequest,
  SearchResult,
} from './search/search-index.ts';
export {
  createSearchProjection,
  defineSearchProjection,
  type RunningSearchProjection,
  type SearchProjection,
  type SearchProjectionOptions,
} from './search/search-projection.ts';
export type { KeyEncryption } from './subject-keys.ts';
export {
  createSubscription,
  type Subscription,
  type SubscriptionDatabase,
  type SubscriptionOptions,
} from './subscription.ts';
