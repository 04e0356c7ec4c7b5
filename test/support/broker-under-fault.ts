import { setTimeout as pause } from 'node:timers/promises';
import { startKafka } from '../../packages/kafka/test/broker/kafka-cluster.ts';
import { whatKafkaNeeds } from '../../packages/kafka/test/broker/kafka-jars.ts';
import { lacksServer as lacksNats, startOwnServer } from '../../packages/nats/test/own-server.ts';
import { createRabbitServer, rabbitServerScript } from '../../packages/rabbitmq/test/rabbit-server.ts';
import { startTcpFaultProxy, type TcpFaultProxy } from '../../packages/rabbitmq/test/tcp-fault-proxy.ts';

/** A broker of the test's own, behind a network of the test's own. */
export interface BrokerUnderFault {
  /** For `BROKER_URL`. */
  readonly url: string;
  /** Everybody's connections break: at once, or in the middle of what is sent next. `strength` in [0, 1) says how. */
  breakConnections(strength: number): void;
  /** SIGSTOP for so long: connections stay, nothing answers. */
  pause(ms: number): Promise<void>;
  /** `kill -9`; resolves when it runs again. */
  kill(): Promise<void>;
  /** Ends it and removes its data. */
  close(): Promise<void>;
}

export interface BrokerEngine {
  readonly name: string;
  /** Why its tests cannot run here; false if they can. */
  readonly skip: string | false;
  /** Undefined for PostgreSQL, which is its own broker. */
  readonly start: (() => Promise<BrokerUnderFault>) | undefined;
}

/** Every engine. */
export async function enginesUnderFault(): Promise<readonly BrokerEngine[]> {
  return [
    { name: 'PostgreSQL', skip: false, start: undefined },
    { name: 'NATS JetStream', skip: lacksNats, start: startNats },
    { name: 'Kafka', skip: (await whatKafkaNeeds()) ?? false, start: startKafkaBroker },
    {
      name: 'RabbitMQ',
      skip: rabbitServerScript === undefined && 'needs rabbitmq-server',
      start: () => startRabbit(rabbitServerScript ?? ''),
    },
  ];
}

interface Server {
  pause(): void;
  resume(): void;
  /** Kills and starts it. */
  restart(): Promise<void>;
  remove(): Promise<void>;
}

async function startNats(): Promise<BrokerUnderFault> {
  const server = await startOwnServer();
  const proxy = await startTcpFaultProxy({ host: '127.0.0.1', port: server.port });
  const restart = async () => {
    await server.stop('SIGKILL');
    await server.start();
  };
  return underFault(`nats://127.0.0.1:${proxy.port}?name=chaos`, proxy, { ...server, restart });
}

async function startKafkaBroker(): Promise<BrokerUnderFault> {
  const proxies: TcpFaultProxy[] = [];
  const cluster = await startKafka({
    // Kafka tells its clients where to connect: it must say the proxy's port.
    async advertise(port) {
      const proxy = await startTcpFaultProxy({ host: '127.0.0.1', port });
      proxies.push(proxy);
      return proxy.port;
    },
  });
  const [broker] = cluster.brokers;
  const [proxy] = proxies;
  if (broker === undefined || proxy === undefined) throw new Error('the Kafka broker did not start');
  return underFault(`${cluster.url}?prefix=chaos.`, proxy, {
    pause: broker.pause,
    resume: broker.resume,
    async restart() {
      await broker.kill();
      await broker.start();
    },
    remove: cluster.stop,
  });
}

async function startRabbit(script: string): Promise<BrokerUnderFault> {
  const server = await createRabbitServer(script);
  await server.start();
  const url = new URL(server.url);
  const proxy = await startTcpFaultProxy({ host: '127.0.0.1', port: Number(url.port) });
  url.port = String(proxy.port);
  return underFault(`${url.href}?name=chaos&mode=streams`, proxy, {
    pause: server.pause,
    resume: server.resume,
    async restart() {
      // What it has not written down when it dies, it never serves again; see there.
      await server.remembers(['chaos.settings', 'rabbit_stream_coordinator']);
      await server.kill();
      await server.start();
    },
    remove: server.remove,
  });
}

/** The largest part of what is in flight at a moment. */
const maxBytes = 20_000;

function underFault(url: string, proxy: TcpFaultProxy, server: Server): BrokerUnderFault {
  return {
    url,
    breakConnections(strength) {
      const within = (strength * 5) % 1;
      const bytes = 1 + Math.floor(within * maxBytes);
      if (strength < 0.4) proxy.cut();
      else if (strength < 0.6) proxy.cutAfter('toServer', bytes);
      else if (strength < 0.8) proxy.cutAfter('toClient', bytes);
      else proxy.halfCloseAfter(within < 0.5 ? 'toServer' : 'toClient', bytes);
    },
    async pause(ms) {
      server.pause();
      await pause(ms);
      server.resume();
    },
    kill: server.restart,
    async close() {
      await proxy.close();
      await server.remove();
    },
  };
}
