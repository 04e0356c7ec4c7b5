import { type AuditLog, createAuditLog } from '@banyan/audit';
import type { RuntimeDocuments } from '@banyan/config';
import { type Clock, type Logger, systemClock, uuidv7 } from '@banyan/core';
import type { Registry } from '@banyan/discovery';
import type { ClaimStore, EventLog, Inbox, Outbox, RequestStore } from '@banyan/events';
import type { FlowStore } from '@banyan/flow';
import type { SagaStore } from '@banyan/saga';
import { createDatabase, type PostgresDatabase } from './database.ts';
import { createPostgresDocuments } from './edge/postgres-documents.ts';
import { settleOutbox } from './events/outbox-home.ts';
import { openPostgresEventLog } from './events/postgres-event-log.ts';
import { createPostgresInbox } from './events/postgres-inbox.ts';
import { createPostgresOutbox } from './events/postgres-outbox.ts';
import { createPostgresOutboxLog, type PostgresOutboxLog } from './events/postgres-outbox-log.ts';
import { createPostgresFlowStore } from './flows/postgres-flow-store.ts';
import { createPostgresClaimStore } from './messages/postgres-claim-store.ts';
import { createPostgresRequestStore } from './messages/postgres-request-store.ts';
import { checkMigrated, migrate, platformMigrations } from './migrations.ts';
import { createPostgresRegistry } from './registry.ts';
import { forgetReplies } from './sagas/forget-replies.ts';
import { createPostgresReplyStore, type PostgresReplyStore } from './sagas/postgres-reply-store.ts';
import { createPostgresSagaStore } from './sagas/postgres-saga-store.ts';

export interface PostgresEnginesOptions {
  /** Database of the platform: registry and event log. */
  readonly platformUrl: string;
  /** The database of each service that this process hosts, by name. */
  readonly serviceUrls: Readonly<Record<string, string>>;
  /** The same databases for the platform's role, which may read their outboxes: the log is the outboxes then, unless `log` is given. */
  readonly outboxUrls?: Readonly<Record<string, string>>;
  /** Who may send messages and replies to a service. Default: every service of `outboxUrls`. */
  readonly sendersTo?: (service: string) => readonly string[];
  /** Another registry than the platform database's own. */
  readonly registry?: Registry;
  /** Another event log than the platform database's own, such as one on a broker; closed with the engines. */
  readonly log?: EventLog;
  /** False: tables stay as they are, and those of another version are refused; for tools that look at a running system. Default true. */
  readonly migrates?: boolean;
  readonly clock?: Clock;
  readonly logger: Logger;
}

/** What one service owns in the outside world. */
export interface PostgresServiceStore {
  readonly database: PostgresDatabase;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly requests: RequestStore;
  readonly sagas: SagaStore;
  readonly replies: PostgresReplyStore;
  readonly flows: FlowStore;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Every durable port of a process, on one PostgreSQL server: what a host of `@banyan/chassis` runs on. */
export interface PostgresEngines {
  readonly registry: Registry;
  readonly log: EventLog;
  /** Data that is too large to travel in an event. */
  readonly claims: ClaimStore;
  /** What operators change while the system runs. */
  readonly documents: RuntimeDocuments;
  /** Who changed documents, in the platform's database. */
  readonly audit: AuditLog;
  /**
   * Connects to the database of a service and brings its tables up to date.
   * @throws ServiceError `unavailable` `database_unavailable`, and what `migrate`, or `checkMigrated`, throws
   */
  openStore(service: {
    readonly name: string;
    readonly migrations: URL | undefined;
  }): Promise<PostgresServiceStore>;
  /** Close the stores first. Idempotent. */
  close(): Promise<void>;
}

/** @throws ServiceError `unavailable` `database_unavailable`, and what `migrate` throws for the platform's tables */
export async function openPostgresEngines(options: PostgresEnginesOptions): Promise<PostgresEngines> {
  const { logger, clock = systemClock, migrates = true } = options;
  const platform = createDatabase({
    url: options.platformUrl,
    applicationName: 'banyan',
    maxConnections: 5,
    logger,
  });
  try {
    await (migrates ? migrate : checkMigrated)(platform, platformMigrations.platform, { scope: 'banyan' });
    const outboxLog = options.log === undefined ? await openOutboxLog(platform, options) : undefined;
    const log = options.log ?? outboxLog?.log ?? (await openPostgresEventLog(platform, { clock, logger }));
    const registry = options.registry ?? createPostgresRegistry(platform, { clock, logger });
    const documents = createPostgresDocuments(platform, { clock, logger });
    return {
      registry,
      log,
      documents,
      audit: createAuditLog({ database: platform, clock }),
      claims: createPostgresClaimStore(platform),
      openStore: (service) => openStore(service, options, outboxLog),
      async close() {
        await registry.close();
        await documents.close();
        await log.close();
        await platform.close();
      },
    };
  } catch (error) {
    await options.log?.close();
    await platform.close();
    throw error;
  }
}

interface OpenOutboxLog {
  readonly log: PostgresOutboxLog;
  readonly sender: string;
}

async function openOutboxLog(
  platform: PostgresDatabase,
  { outboxUrls: urls, sendersTo, clock = systemClock, logger }: PostgresEnginesOptions,
): Promise<OpenOutboxLog | undefined> {
  if (urls === undefined) return undefined;
  const [state] = await platform.sql<{ id: string }>`select id from banyan.event_log_state`;
  const sender = uuidv7();
  const senders = sendersTo === undefined ? undefined : { sendersTo };
  const log = createPostgresOutboxLog({ id: state?.id ?? '', urls, sender, clock, logger, ...senders });
  return { log, sender };
}

async function openStore(
  service: { readonly name: string; readonly migrations: URL | undefined },
  { serviceUrls, platformUrl, clock = systemClock, logger, migrates = true }: PostgresEnginesOptions,
  outboxLog: OpenOutboxLog | undefined,
): Promise<PostgresServiceStore> {
  const url = serviceUrls[service.name];
  if (url === undefined) throw new TypeError(`openStore(): no database URL for service '${service.name}'.`);
  const database = createDatabase({ url, applicationName: service.name, logger });
  try {
    await (migrates ? migrate : checkMigrated)(database, platformMigrations.service, { scope: 'banyan' });
    if (migrates) await settleOutbox(database.sql);
    if (migrates && service.migrations !== undefined) await migrate(database, service.migrations);
    if (migrates && outboxLog !== undefined) await admitReader(database, new URL(platformUrl).username);
  } catch (error) {
    await database.close();
    throw error;
  }
  const replies = createPostgresReplyStore();
  const stopForgetting = migrates ? forgetReplies(replies, { database, clock, logger }) : () => {};
  return {
    database,
    outbox: createPostgresOutbox(database, {
      logger,
      ...(outboxLog === undefined
        ? undefined
        : { log: { sender: outboxLog.sender, wake: () => outboxLog.log.wake(service.name) } }),
    }),
    inbox: createPostgresInbox(database),
    requests: createPostgresRequestStore(database, { logger }),
    sagas: createPostgresSagaStore(database),
    replies,
    flows: createPostgresFlowStore(database),
    ping: () => database.ping(),
    close() {
      stopForgetting();
      return database.close();
    },
  };
}

const grantLock = 0x62_6e_67; // 'bng'

/** Lets the platform's role read the outbox, and forget what is old; nothing else of the database. */
async function admitReader(database: PostgresDatabase, role: string): Promise<void> {
  await database.tx(async ({ sql }) => {
    // One after the other: PostgreSQL refuses to change the same privileges twice at once.
    await sql`select pg_advisory_xact_lock(${grantLock}::int4, 0)`;
    const [known] = await sql<{ isAdmitted: boolean }>`
      select has_schema_privilege(${role}, 'banyan', 'usage')
        and has_table_privilege(${role}, 'banyan.outbox', 'select') and has_table_privilege(${role}, 'banyan.outbox', 'delete')
        and has_table_privilege(${role}, 'banyan.outbox_state', 'select')
        and has_table_privilege(${role}, 'banyan.outbox_state', 'update') as is_admitted`;
    if (known?.isAdmitted) return;
    const reader = sql.identifier(role);
    await sql`grant usage on schema banyan to ${reader}`;
    await sql`grant select, delete on banyan.outbox to ${reader}`;
    await sql`grant select, update on banyan.outbox_state to ${reader}`;
  });
}
