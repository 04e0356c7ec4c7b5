import { createRawKafka } from '../../packages/kafka/test/kafka-under-test.ts';
import { deleteStream } from '../../packages/nats/test/delete-stream.ts';
import { withChannel } from '../../packages/rabbitmq/test/rabbit-fixture.ts';

/** An engine that carries events, and the URL that chooses it. */
export interface EngineUnderTest {
  readonly name: string;
  readonly broker: string | undefined;
  /** Why its tests cannot run here; false if they can. */
  readonly skip: string | false;
  /** Takes away what was made there; when everybody has closed. */
  clear(): Promise<void>;
}

/** What every engine makes if it is not told otherwise. */
const partitions = 12;

/** Every engine; the brokers run when their URLs are set. `name` makes what a test creates there its own. */
export function enginesUnderTest(name: string): readonly EngineUnderTest[] {
  return [
    { name: 'PostgreSQL', broker: undefined, skip: false, clear: async () => {} },
    { name: 'PostgreSQL with log tables', broker: 'postgres', skip: false, clear: async () => {} },
    given('NATS JetStream', 'BANYAN_TEST_NATS_URL', {
      query: `name=${name}`,
      clear: (server) => deleteStream(server, name),
    }),
    given('Kafka', 'BANYAN_TEST_KAFKA_URL', {
      query: `prefix=${name}.`,
      async clear(server) {
        const kafka = createRawKafka(server);
        await kafka.deleteTopics(`${name}.`);
        await kafka.close();
      },
    }),
    given('RabbitMQ', 'BANYAN_TEST_RABBITMQ_URL', {
      query: `name=${name}&mode=streams`,
      clear: (server) =>
        withChannel(server, async (channel) => {
          const streams = Array.from({ length: partitions }, (_, partition) => `${name}.${partition}`);
          for (const queue of [`${name}.settings`, ...streams]) await channel.deleteQueue(queue);
          await channel.deleteExchange(name);
        }),
    }),
  ];
}

interface Given {
  readonly query: string;
  clear(server: string): Promise<void>;
}

function given(name: string, variable: string, { query, clear }: Given): EngineUnderTest {
  const url = process.env[variable];
  if (url === undefined || url === '')
    return { name, broker: undefined, skip: `needs ${variable}`, clear: async () => {} };
  return {
    name,
    broker: `${url}${url.includes('?') ? '&' : '?'}${query}`,
    skip: false,
    clear: () => clear(url),
  };
}
