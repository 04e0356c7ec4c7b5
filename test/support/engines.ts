/** An engine that carries events, and the URL that chooses it. */
export interface EngineUnderTest {
  readonly name: string;
  readonly broker: string | undefined;
  /** Why its tests cannot run here; false if they can. */
  readonly skip: string | false;
}

/** Every engine; the brokers run when their URLs are set. `name` makes what a test creates there its own. */
export function enginesUnderTest(name: string): readonly EngineUnderTest[] {
  const given = (engine: string, variable: string, query: string): EngineUnderTest => {
    const url = process.env[variable];
    if (url === undefined || url === '')
      return { name: engine, broker: undefined, skip: `needs ${variable}` };
    return { name: engine, broker: `${url}${url.includes('?') ? '&' : '?'}${query}`, skip: false };
  };
  return [
    { name: 'PostgreSQL', broker: undefined, skip: false },
    given('NATS JetStream', 'BANYAN_TEST_NATS_URL', `name=${name}`),
    given('Kafka', 'BANYAN_TEST_KAFKA_URL', `prefix=${name}.`),
    given('RabbitMQ', 'BANYAN_TEST_RABBITMQ_URL', `name=${name}`),
  ];
}
