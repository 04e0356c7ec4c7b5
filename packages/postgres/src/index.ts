export {
  type Capture,
  type CaptureHost,
  type CaptureOptions,
  defineCapture,
  isCapture,
} from './capture/capture.ts';
export { nameTrace } from './capture/name-trace.ts';
export type { ChangeKind, RowChange, RowValues } from './capture/pgoutput.ts';
export type { SlotStatus } from './capture/replication-slot.ts';
export {
  createDatabase,
  type DatabaseOptions,
  type DatabaseStats,
  type PostgresDatabase,
} from './database.ts';
export { createPostgresDocuments, type PostgresDocumentsOptions } from './edge/postgres-documents.ts';
export { createPostgresRateLimits, type PostgresRateLimitsOptions } from './edge/postgres-rate-limits.ts';
export {
  createEmbeddedServer,
  type EmbeddedServer,
  type EmbeddedServerOptions,
  findEmbeddedServer,
} from './embedded-server.ts';
export {
  openPostgresEngines,
  type PostgresEngines,
  type PostgresEnginesOptions,
  type PostgresServiceStore,
} from './engines.ts';
export { type PostgresReason, postgresErrors } from './errors.ts';
export {
  openPostgresEventLog,
  type PostgresEventLogOptions,
} from './events/postgres-event-log.ts';
export { createPostgresInbox } from './events/postgres-inbox.ts';
export { createPostgresOutbox, type PostgresOutboxOptions } from './events/postgres-outbox.ts';
export {
  createPostgresOutboxLog,
  type PostgresOutboxLog,
  type PostgresOutboxLogOptions,
} from './events/postgres-outbox-log.ts';
export { createPostgresFlowStore } from './flows/postgres-flow-store.ts';
export { type InstanceName, type InstanceNameOptions, takeInstanceName } from './instance-name.ts';
export type { Listener, NotificationListener } from './listener.ts';
export { createPostgresClaimStore } from './messages/postgres-claim-store.ts';
export { createPostgresRequestStore } from './messages/postgres-request-store.ts';
export { type MigrateOptions, migrate, platformMigrations } from './migrations.ts';
export {
  findSystem,
  type ProvisionedSystem,
  type ProvisionOptions,
  provisionSystem,
  type ResetOptions,
  resetSystem,
} from './provision.ts';
export { createPostgresRegistry, type PostgresRegistryOptions } from './registry.ts';
export { createPostgresReplyStore } from './sagas/postgres-reply-store.ts';
export { createPostgresSagaStore } from './sagas/postgres-saga-store.ts';
export type { DatabaseSession } from './session.ts';
export { literal } from './sql-template.ts';
