import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { EventLog } from '@banyan/events';
import { describeEventsModel } from '@banyan/events/testing';
import { createNatsEventLog } from '@banyan/nats';
import { createPostgresInbox, createPostgresOutbox, openPostgresEventLog } from '@banyan/postgres';
import { createTestLog } from '../../packages/kafka/test/kafka-under-test.ts';
import { deleteStream } from '../../packages/nats/test/delete-stream.ts';
import {
  createPlatformDatabase,
  createServiceDatabase,
} from '../../packages/postgres/test/events/events-databases.ts';
import { createRabbitFixture } from '../../packages/rabbitmq/test/rabbit-fixture.ts';

/** Commands on each engine; 10000 for a long run. */
const steps = Number(process.env['BANYAN_MODEL_STEPS'] ?? 300);
const seed = process.env['BANYAN_SEED'];

type Scope = Parameters<typeof createServiceDatabase>[0];
type OpenLog = (scope: Scope) => Promise<EventLog>;

/** The random commands of `@banyan/events/testing` against outbox and inbox in PostgreSQL, with the log of each engine between them. */
describeEngine('PostgreSQL', async (scope) => {
  const { database } = await createPlatformDatabase(scope);
  const log = await openPostgresEventLog(database);
  scope.after(() => log.close());
  return log;
});
describeBroker('NATS JetStream', 'BANYAN_TEST_NATS_URL', (url) => async (scope) => {
  const name = `model-${randomBytes(6).toString('hex')}`;
  const log = await createNatsEventLog({ url: `${url}?name=${name}` });
  scope.after(async () => {
    await log.close();
    await deleteStream(url, name);
  });
  return log;
});
describeBroker('Kafka', 'BANYAN_TEST_KAFKA_URL', (url) => async (scope) => {
  const { log, close } = await createTestLog(url, { partitions: 4 });
  scope.after(close);
  return log;
});
describeBroker('RabbitMQ streams', 'BANYAN_TEST_RABBITMQ_URL', (url) => async (scope) => {
  const fixture = createRabbitFixture(url, 'streams');
  scope.after(() => fixture.close());
  return fixture.open();
});

function describeBroker(name: string, variable: string, open: (url: string) => OpenLog): void {
  const url = process.env[variable];
  if (url === undefined) test(`the model on ${name}`, { skip: `needs ${variable}` }, () => {});
  else describeEngine(name, open(url));
}

function describeEngine(name: string, open: OpenLog): void {
  describeEventsModel(
    name,
    async () => {
      const endings: (() => unknown)[] = [];
      const scope = { after: (callback: () => unknown) => void endings.push(callback) };
      const { database } = await createServiceDatabase(scope);
      return {
        log: await open(scope),
        outbox: createPostgresOutbox(database),
        inbox: createPostgresInbox(database),
        tx: (work) => database.tx(({ sql }) => work(sql)),
        async close() {
          for (const end of endings.reverse()) await end();
        },
      };
    },
    { steps, ...(seed === undefined ? undefined : { seed: Number(seed) }) },
  );
}
