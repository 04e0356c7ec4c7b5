import { randomBytes } from 'node:crypto';
import { openBroker } from '@banyan/banyan';
import { silentLogger, systemClock } from '@banyan/core';
import type { EventLog } from '@banyan/events';
import { createRawKafka } from '../../packages/kafka/test/kafka-under-test.ts';
import { deleteStream } from '../../packages/nats/test/delete-stream.ts';
import { createRabbitFixture } from '../../packages/rabbitmq/test/rabbit-fixture.ts';

/** A place on a shared broker that is one test's alone. */
export interface BrokerPlace {
  /** What `BROKER_URL` is set to. */
  readonly url: string;
  /** For `startTestSystem`: another handle of the place, which whoever asks for it closes. */
  openLog(): Promise<EventLog>;
}

/** A broker that tests use if its URL is given. */
export interface BrokerUnderTest {
  readonly name: string;
  /** Why its tests cannot run here; false if they can. */
  readonly skip: string | false;
  /** A new place; what was made there is taken away after the test. */
  openPlace(t: { after(cleanUp: () => unknown): void }): BrokerPlace;
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
      url: withQuery(server, `prefix=${prefix}`),
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

function underTest(
  name: string,
  variable: string,
  createPlace: (server: string) => { readonly url: string; clear(): Promise<void> },
): BrokerUnderTest {
  const server = process.env[variable];
  return {
    name,
    skip: server === undefined || server === '' ? `needs ${variable}` : false,
    openPlace(t) {
      const { url, clear } = createPlace(server ?? '');
      t.after(clear);
      return {
        url,
        async openLog() {
          const log = await openBroker(url, { clock: systemClock, logger: silentLogger });
          if (log === undefined) throw new TypeError(`${url} is not the URL of a broker.`);
          return log;
        },
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
