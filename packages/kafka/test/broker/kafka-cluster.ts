import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from '@banyan/test-support/maven-jars';
import { createKafkaBroker, type KafkaBroker } from './kafka-broker.ts';
import { fetchKafkaJars } from './kafka-jars.ts';
import { type BrokerPlan, loggingProperties, testLogin, toServerProperties } from './kafka-settings.ts';

export interface KafkaCluster {
  /** `kafka://127.0.0.1:1,127.0.0.1:2` */
  readonly url: string;
  /** Hosts and ports of the listeners with TLS and a login; empty without `keystore`. */
  readonly secureHosts: string;
  readonly brokers: readonly KafkaBroker[];
  /** Ends all brokers and removes their data. Idempotent. */
  stop(): Promise<void>;
}

export interface KafkaClusterOptions {
  readonly brokers?: number;
  /** A PKCS #12 file with the certificate of the listeners for whoever logs in as {@link testLogin}. */
  readonly keystore?: { readonly file: string; readonly password: string };
  /** Where clients shall connect instead of a broker's own port, as they must if a proxy stands before it. */
  readonly advertise?: (port: number) => number | Promise<number>;
}

/**
 * Apache Kafka itself (KRaft, no ZooKeeper) on free ports of the loopback, with data of its own in the system's temporary folder. Ready when
 * this resolves: about 5 s after the jars were fetched.
 */
export async function startKafka({
  brokers: count = 1,
  keystore,
  advertise = (port) => port,
}: KafkaClusterOptions = {}): Promise<KafkaCluster> {
  const jars = await fetchKafkaJars();
  const folder = await mkdtemp(path.join(tmpdir(), 'banyan-kafka-'));
  const ports = await freePorts(3 * count);
  const plans = await Promise.all(
    Array.from({ length: count }, async (_, index): Promise<BrokerPlan> => {
      const port = ports[3 * index] as number;
      return {
        id: index + 1,
        port,
        advertisedPort: await advertise(port),
        controllerPort: ports[3 * index + 1] as number,
        ...(keystore !== undefined && {
          secure: {
            port: ports[3 * index + 2] as number,
            keystore: keystore.file,
            password: keystore.password,
          },
        }),
        dataFolder: path.join(folder, `data-${index + 1}`),
      };
    }),
  );
  const brokers: KafkaBroker[] = [];
  const stop = async () => {
    await Promise.all(brokers.map((broker) => broker.kill()));
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    // The leading letter keeps it from being taken for an option.
    const clusterId = `b${randomBytes(16).toString('base64url').slice(1)}`;
    await writeFile(path.join(folder, 'log4j2.properties'), loggingProperties);
    for (const plan of plans) {
      const properties = path.join(folder, `broker-${plan.id}.properties`);
      await mkdir(plan.dataFolder);
      await writeFile(properties, toServerProperties(plan, plans));
      brokers.push(createKafkaBroker({ port: plan.port, properties, jars, folder }));
    }
    await Promise.all(brokers.map((broker) => format(broker, clusterId)));
    await Promise.all(brokers.map((broker) => broker.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `kafka://${plans.map(({ advertisedPort }) => `127.0.0.1:${advertisedPort}`).join(',')}`,
    secureHosts: plans.map(({ secure }) => `127.0.0.1:${secure?.port}`).join(','),
    brokers,
    stop,
  };
}

async function format(broker: KafkaBroker, clusterId: string): Promise<void> {
  const users = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${testLogin.user},password=${testLogin.password}]`,
  ]);
  const words = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', broker.properties, ...users];
  const { code, output } = await run('java', [...broker.jvmFlags, ...words]);
  if (code !== 0) throw new Error(`The storage of the Kafka broker could not be formatted:\n${output}`);
}

const firstPort = 20_000;
const portCount = 10_000;

/**
 * From below the range that systems take outgoing ports from: a broker that tries to reach one that does not listen yet could be given the
 * very port that it calls, and would talk to itself.
 */
async function freePorts(count: number): Promise<readonly number[]> {
  const held: Server[] = [];
  try {
    while (held.length < count) {
      const server = await listen(firstPort + randomInt(portCount));
      if (server !== undefined) held.push(server);
    }
    return held.map((server) => (server.address() as { readonly port: number }).port);
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
