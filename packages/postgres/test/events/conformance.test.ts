import { randomUUID } from 'node:crypto';
import { describeEventLog, describeInbox, describeOutbox } from '@banyan/events/testing';
import { createPostgresInbox, createPostgresOutbox, openPostgresEventLog } from '@banyan/postgres';
import { createPlatformDatabase, createScope, createServiceDatabase } from './events-databases.ts';
import { createOutboxLogFixture } from './outbox-log-fixture.ts';

describeEventLog('PostgreSQL', async () => {
  const scope = createScope();
  const { database } = await createPlatformDatabase(scope);
  const logs = await Promise.all([openPostgresEventLog(database), openPostgresEventLog(database)]);
  const [log, other] = logs;
  return {
    log,
    other,
    async reopen() {
      const opened = await openPostgresEventLog(database);
      logs.push(opened);
      return opened;
    },
    async publishRaw(topic, partition, text) {
      await database.sql`
        insert into banyan.event_log (partition, event_id, topic, event) values (${partition}, ${randomUUID()}, ${topic}, ${text})`;
    },
    async close() {
      await Promise.all(logs.map((opened) => opened.close()));
      await scope.close();
    },
  };
});

describeEventLog('the outboxes of PostgreSQL', createOutboxLogFixture);

describeOutbox('PostgreSQL', async () => {
  const scope = createScope();
  const { database } = await createServiceDatabase(scope);
  return {
    outbox: createPostgresOutbox(database),
    other: createPostgresOutbox(database),
    tx: (work) => database.tx(({ sql }) => work(sql)),
    close: scope.close,
  };
});

describeInbox('PostgreSQL', async () => {
  const scope = createScope();
  const { database } = await createServiceDatabase(scope);
  return {
    inbox: createPostgresInbox(database),
    other: createPostgresInbox(database),
    tx: (work) => database.tx(({ sql }) => work(sql)),
    close: scope.close,
  };
});
