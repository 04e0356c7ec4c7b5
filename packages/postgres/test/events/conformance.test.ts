import { describeEventLog, describeInbox, describeOutbox } from '@banyan/events/testing';
import { createPostgresEventLog, createPostgresInbox, createPostgresOutbox } from '@banyan/postgres';
import { createPlatformDatabase, createServiceDatabase } from './events-databases.ts';

/** What a fixture opens, for its `close`. */
function createScope() {
  const callbacks: (() => unknown)[] = [];
  return {
    after: (callback: () => unknown) => void callbacks.push(callback),
    async close() {
      for (const callback of callbacks) await callback();
    },
  };
}

describeEventLog('PostgreSQL', async () => {
  const scope = createScope();
  const { database } = await createPlatformDatabase(scope);
  const log = createPostgresEventLog(database);
  const other = createPostgresEventLog(database);
  await Promise.all([log.start(), other.start()]);
  return {
    log,
    other,
    async close() {
      await Promise.all([log.stop(), other.stop()]);
      await scope.close();
    },
  };
});

describeOutbox('PostgreSQL', async () => {
  const scope = createScope();
  const { database } = await createServiceDatabase(scope);
  return {
    outbox: createPostgresOutbox(database),
    tx: (work) => database.tx(({ sql }) => work(sql)),
    close: scope.close,
  };
});

describeInbox('PostgreSQL', async () => {
  const scope = createScope();
  const { database } = await createServiceDatabase(scope);
  return {
    inbox: createPostgresInbox(database),
    tx: (work) => database.tx(({ sql }) => work(sql)),
    close: scope.close,
  };
});
