import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { createEvent, type EventLog, toEncodedEvent } from '@banyan/events';
import { createKafkaEventLog } from '@banyan/kafka';
import { createNatsEventLog } from '@banyan/nats';
import { createRabbitEventLog } from '@banyan/rabbitmq';
import { lastFirst } from '@banyan/testing';
import { startKafka } from '../../packages/kafka/test/broker/kafka-cluster.ts';
import { whatKafkaNeeds } from '../../packages/kafka/test/broker/kafka-jars.ts';
import { testLogin } from '../../packages/kafka/test/broker/kafka-settings.ts';
import { lacksServer, startOwnServer } from '../../packages/nats/test/own-server.ts';
import { createRabbitServer, rabbitServerScript } from '../../packages/rabbitmq/test/rabbit-server.ts';

/** PEM files of a certificate for this machine's loopback, which nobody but this test trusts. */
interface Certificate {
  readonly certificate: string;
  readonly key: string;
  readonly keystore: { readonly file: string; readonly password: string };
}

let folder = '';
let own: Certificate;
const trusted = getCACertificates('default');

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-tls-'));
  own = makeCertificate();
});
after(() => rm(folder, { recursive: true, force: true }));

function makeCertificate(): Certificate {
  const certificate = join(folder, 'certificate.pem');
  const key = join(folder, 'key.pem');
  const keystore = { file: join(folder, 'keystore.p12'), password: 'changeit' };
  const openssl = (...words: readonly string[]) => execFileSync('openssl', words, { stdio: 'pipe' });
  openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=banyan test', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'],
    ...['-keyout', key, '-out', certificate],
  );
  openssl(
    ...['pkcs12', '-export', '-in', certificate, '-inkey', key, '-name', 'broker', '-out', keystore.file],
    ...['-passout', `pass:${keystore.password}`],
  );
  return { certificate, key, keystore };
}

/** As `NODE_EXTRA_CA_CERTS` does it for a program that starts. */
async function trust(isTrusted: boolean): Promise<void> {
  setDefaultCACertificates(isTrusted ? [...trusted, await readFile(own.certificate, 'utf8')] : trusted);
}

/** One event through the log and back. */
async function assertCarries(log: EventLog): Promise<void> {
  const placed = { service: 'orders', name: 'placed', type: 'OrderPlaced', key: 'o-1', data: { secret: 1 } };
  const event = createEvent({ ...placed, occurredAtMs: Date.now() });
  await log.publish([toEncodedEvent(event)]);
  const from = new Map(
    Array.from({ length: log.partitions }, (_, partition) => [partition, 'start' as const]),
  );
  const reader = await log.open({ group: 'mail', topics: ['orders.placed'], from });
  const page = await reader.next(1, 10_000);
  assert.deepEqual(page.events, [event]);
  await reader.close();
}

describe('a broker with a certificate of its own', () => {
  test('NATS carries events by tls://, for who trusts it', { skip: lacksServer }, async (t) => {
    await trust(true);
    const flags = ['--tls', '--tlscert', own.certificate, '--tlskey', own.key];
    const server = await startOwnServer(flags);
    lastFirst(t).after(() => server.remove());
    const url = `tls://127.0.0.1:${server.port}?name=secure&partitions=2`;
    const log = await createNatsEventLog({ url });
    lastFirst(t).after(() => log.close());
    await assertCarries(log);
    await trust(false);
    await assert.rejects(createNatsEventLog({ url, timeoutMs: 3_000 }), { reason: 'nats_unavailable' });
  });

  test('RabbitMQ carries events by amqps://, for who trusts it', {
    skip: rabbitServerScript === undefined && 'needs rabbitmq-server',
  }, async (t) => {
    await trust(true);
    const server = await createRabbitServer(rabbitServerScript ?? '', own);
    lastFirst(t).after(() => server.remove());
    await server.start();
    for (const mode of ['streams', 'queues']) {
      const url = `${server.secureUrl}?name=${mode}&mode=${mode}&partitions=1`;
      const log = await createRabbitEventLog({ url });
      lastFirst(t).after(() => log.close());
      if (mode === 'streams') await assertCarries(log);
    }
    await trust(false);
    const url = `${server.secureUrl}?name=streams&partitions=1`;
    await assert.rejects(createRabbitEventLog({ url }), { code: 'unavailable' });
  });

  test('Kafka carries events by kafka+ssl://, for who trusts it and has a login', async (t) => {
    const missing = await whatKafkaNeeds();
    if (missing !== undefined) return t.skip(missing);
    await trust(true);
    const cluster = await startKafka({ keystore: own.keystore });
    lastFirst(t).after(() => cluster.stop());
    const login = `${testLogin.user}:${encodeURIComponent(testLogin.password)}@`;
    const urlOf = (who: string, query: string) =>
      `kafka+ssl://${who}${cluster.secureHosts}?partitions=1&${query}`;
    for (const sasl of ['SCRAM-SHA-512', 'scram-sha-256', 'PLAIN']) {
      const log = await createKafkaEventLog({ url: urlOf(login, `sasl=${sasl}&prefix=${sasl}.`) });
      lastFirst(t).after(() => log.close());
      await assertCarries(log);
    }
    for (const sasl of ['SCRAM-SHA-512', 'PLAIN']) {
      const wrong = createKafkaEventLog({ url: urlOf('ann:wrong@', `sasl=${sasl}`) });
      await assert.rejects(wrong, { code: 'permission_denied', reason: 'kafka_denied' });
    }
    await trust(false);
    await assert.rejects(createKafkaEventLog({ url: urlOf(login, '') }), { reason: 'kafka_unavailable' });
  });
});
