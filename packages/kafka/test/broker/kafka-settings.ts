/** Where one broker listens and keeps its data. It is controller as well (KRaft), so there is nothing else to run. */
export interface BrokerPlan {
  /** From 1. */
  readonly id: number;
  readonly port: number;
  /** Where clients are told to connect. */
  readonly advertisedPort: number;
  readonly controllerPort: number;
  readonly dataFolder: string;
  /** A listener beside the plain one, for whoever has a login, with TLS. */
  readonly secure?: { readonly port: number; readonly keystore: string; readonly password: string };
}

/** The `server.properties` of one of `all` brokers: small, on loopback, and quick to notice that another one is gone. */
export function toServerProperties(plan: BrokerPlan, all: readonly BrokerPlan[]): string {
  const replicas = Math.min(3, all.length);
  const { secure } = plan;
  const withSecure = (text: string, more: string) => (secure === undefined ? text : `${text},${more}`);
  return toLines({
    'node.id': plan.id,
    'process.roles': 'broker,controller',
    listeners: withSecure(
      `PLAINTEXT://127.0.0.1:${plan.port},CONTROLLER://127.0.0.1:${plan.controllerPort}`,
      `SECURE://127.0.0.1:${secure?.port}`,
    ),
    'advertised.listeners': withSecure(
      `PLAINTEXT://127.0.0.1:${plan.advertisedPort}`,
      `SECURE://127.0.0.1:${secure?.port}`,
    ),
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL',
    'controller.quorum.voters': all.map((each) => `${each.id}@127.0.0.1:${each.controllerPort}`).join(','),
    'log.dirs': plan.dataFolder,
    // A topic exists because somebody created it with the right partitions, never because somebody asked for it.
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': 1,
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,
    'replica.lag.time.max.ms': 3_000,
    'controlled.shutdown.enable': all.length > 1,
    // The default of the first is half of the heap; the second is the size of each index file.
    'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
    'log.index.size.max.bytes': 512 * 1024,
    ...(secure === undefined ? undefined : securitySettings(secure)),
    'num.network.threads': 2,
    'num.io.threads': 4,
  });
}

/** The user of tests that log in. */
export const testLogin = { user: 'ann', password: 'p:a/s@s' };

function securitySettings({ keystore, password }: NonNullable<BrokerPlan['secure']>) {
  const { user, password: secret } = testLogin;
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${user}="${secret}";`;
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  return {
    'ssl.keystore.location': keystore,
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.password': password,
    'ssl.key.password': password,
    'listener.name.secure.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.secure.plain.sasl.jaas.config': plain,
    'listener.name.secure.scram-sha-256.sasl.jaas.config': scram,
    'listener.name.secure.scram-sha-512.sasl.jaas.config': scram,
  };
}

/** Warnings and worse, on stdout. */
export const loggingProperties = toLines({
  status: 'error',
  'appender.out.type': 'Console',
  'appender.out.name': 'out',
  'appender.out.layout.type': 'PatternLayout',
  'appender.out.layout.pattern': '%d{ISO8601} %p %c{1}: %m%n',
  'rootLogger.level': 'warn',
  'rootLogger.appenderRef.out.ref': 'out',
});

function toLines(settings: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
