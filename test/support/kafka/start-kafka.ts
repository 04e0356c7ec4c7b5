// Starts Apache Kafka for tests and prints its URL: `node tools/bootstrap.mjs test/support/kafka/start-kafka.ts [--brokers 3]`.
// Runs until it is told to end (Ctrl-C or SIGTERM), and leaves nothing behind.
import { parseArgs } from 'node:util';
import { startKafka } from '../../../packages/kafka/test/broker/kafka-cluster.ts';
import { whatKafkaNeeds } from '../../../packages/kafka/test/broker/kafka-jars.ts';

const { values } = parseArgs({ options: { brokers: { type: 'string', default: '1' } } });
const missing = await whatKafkaNeeds();
if (missing === undefined) {
  const stopping = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  const cluster = await startKafka({ brokers: Number(values.brokers) });
  process.stdout.write(`${cluster.url}\n`);
  const alive = setInterval(() => {}, 60_000);
  await stopping;
  clearInterval(alive);
  await cluster.stop();
} else {
  process.stderr.write(`Kafka ${missing}\n`);
  process.exitCode = 1;
}
