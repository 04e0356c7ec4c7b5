import { randomUUID } from 'node:crypto';
import type { EncodedEvent, EventLog } from '@banyan/events';
import type { EventLogFixture } from '@banyan/events/testing';
import { createPostgresOutboxLog, type PostgresDatabase } from '@banyan/postgres';
import { appendNow } from '../../src/events/outbox-append.ts';
import { createServiceDatabase } from './events-databases.ts';

/** The outboxes of three services as one log. What is published to it in a test is appended to the outbox of its service, and committed. */
export async function createOutboxLogFixture(): Promise<EventLogFixture> {
  const callbacks: (() => unknown)[] = [];
  const scope = { after: (callback: () => unknown) => void callbacks.push(callback) };
  const services = ['orders', 'payments', 'stock'];
  const targets = await Promise.all(services.map(() => createServiceDatabase(scope)));
  const urls = Object.fromEntries(services.map((service, index) => [service, targets[index]?.url ?? '']));
  const databases = new Map(services.map((service, index) => [service, targets[index]?.database]));
  const logs: EventLog[] = [];
  const open = () => {
    const log = createPostgresOutboxLog({ id: 'test', urls, sender: randomUUID() });
    const publishing: EventLog = Object.create(log, {
      publish: { value: (events: readonly EncodedEvent[]) => appendAll(databases, events) },
    });
    // Its methods need the log itself, not what was made of it.
    for (const name of ['open', 'lag', 'prune', 'close'] as const)
      Object.defineProperty(publishing, name, { value: log[name].bind(log) });
    logs.push(publishing);
    return publishing;
  };
  return {
    log: open(),
    other: open(),
    reopen: async () => open(),
    async publishRaw(topic, partition, text) {
      const { sql } = databaseOf(databases, topic.split('.')[0] ?? '');
      await sql`
        insert into banyan.outbox (id, partition, topic, key, event_time, event)
        values (${randomUUID()}, ${partition}, ${topic}, '', '', ${text})`;
      await announce(databases);
    },
    async close() {
      await Promise.all(logs.map((log) => log.close()));
      for (const callback of callbacks) await callback();
    },
  };
}

type Databases = ReadonlyMap<string, PostgresDatabase | undefined>;

function databaseOf(databases: Databases, service: string): PostgresDatabase {
  const database = databases.get(service);
  if (database === undefined) throw new TypeError(`no outbox of '${service}'`);
  return database;
}

async function appendAll(databases: Databases, events: readonly EncodedEvent[]): Promise<void> {
  const byService = Map.groupBy(events, ({ key }) => key.slice(0, key.indexOf('/')));
  for (const [service, group] of byService)
    await databaseOf(databases, service).tx(({ sql }) => appendNow(sql, group));
  await announce(databases);
}

async function announce(databases: Databases): Promise<void> {
  for (const service of databases.keys()) {
    const { sql } = databaseOf(databases, service);
    await sql`select pg_notify('banyan_outbox', 'test')`;
  }
}
