import { randomBytes } from 'node:crypto';
import { openBroker, type System } from '@banyan/banyan';
import { silentLogger, systemClock } from '@banyan/core';
import type { EventLog } from '@banyan/events';
import { startTestSystem, type TestSystem, type TestSystemOptions } from '@banyan/testing';
import { createRawKafka } from '../../packages/kafka/test/kafka-under-test.ts';
import { deleteStream } from '../../packages/nats/test/delete-stream.ts';
import { createRabbitFixture } from '../../packages/rabbitmq/test/rabbit-fixture.ts';

/** A place on a shared broker that is one test's alone. */
export interface BrokerPlace {
  /** What `BROKER_URL` is set to. */
  readonly url: string;
  /** Another handle of the place, which whoever asks for it closes. */
  openLog(): Promise<EventLog>;
  /** Takes away what was made there; when everybody has closed. */
  clear(): Promise<void>;
}

/** A broker that tests use if its URL is given. */
export interface BrokerUnderTest {
  readonly name: string;
  /** Why its tests cannot run here; false if they can. */
  readonly skip: string | false;
  createPlace(): BrokerPlace;
}

/**
 * As `startTestSystem`, with events in a new place on `broker`, which is cleared when the system has stopped. Without `broker` they are
 * in PostgreSQL.
 */
export async function startTestSystemOn(
  broker: BrokerUnderTest | undefined,
  t: { after(cleanUp: () => Promise<void>): void },
  system: System,
  options: TestSystemOptions = {},
): Promise<TestSystem> {
  if (broker === undefined) return startTestSystem(t, system, options);
  const place = broker.createPlace();
  let running: TestSystem | undefined;
  t.after(async () => {
    await running?.stop();
    await place.clear();
  });
  running = await startTestSystem(t, system, { ...options, openLog: place.openLog });
  return running;
}

/** Every broker that carries events. */
export const brokersUnderTest: readonly BrokerUnderTest[] = [
  underTest('NATS JetStream', 'BANYAN_TEST_NATS_URL', (server) => {
    const name = uniqueName();
    return { url: withQuery(server, `name=${name}`), clear: () => deleteStream(server, name) };
  }),
  underTest('Kafka', 'BANYAN_TEST_KAFKA_URL', (server) => {
    const prefix = `${uniqueName()}.`;
    return {
      url: withQuery(server, `prefix=${prefix}&partitions=5`),
      async clear() {
        const kafka = createRawKafka(server);
        await kafka.deleteTopics(prefix);
        await kafka.close();
      },
    };
  }),
  underTest('RabbitMQ', 'BANYAN_TEST_RABBITMQ_URL', (server) => {
    const fixture = createRabbitFixture(server, 'streams');
    return { url: fixture.url, clear: () => fixture.close() };
  }),
];

/** RabbitMQ with queues instead of streams, for tests of what must also hold where nothing can be read twice. */
export const rabbitQueuesUnderTest: BrokerUnderTest = underTest(
  'queues of RabbitMQ',
  'BANYAN_TEST_RABBITMQ_URL',
  (server) => {
    const fixture = createRabbitFixture(server, 'queues');
    // Its own handles: it knows then which queues were made.
    return { url: fixture.url, openLog: () => fixture.open(), clear: () => fixture.close() };
  },
);

function underTest(
  name: string,
  variable: string,
  createPlace: (server: string) => Omit<BrokerPlace, 'openLog'> & Partial<BrokerPlace>,
): BrokerUnderTest {
  const server = process.env[variable];
  return {
    name,
    skip: server === undefined || server === '' ? `needs ${variable}` : false,
    createPlace() {
      const place = createPlace(server ?? '');
      return {
        async openLog() {
          const log = await openBroker(place.url, { clock: systemClock, logger: silentLogger });
          if (log === undefined) throw new TypeError(`${place.url} is not the URL of a broker.`);
          return log;
        },
        ...place,
      };
    },
  };
}

function uniqueName(): string {
  return `test-${randomBytes(6).toString('hex')}`;
}

function withQuery(url: string, query: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}${query}`;
}
