import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { createKafkaEventLog } from '@banyan/kafka';
// A pure function: what it makes of a URL shows nowhere else without a broker.
import { parseKafkaUrl } from '../src/kafka-url.ts';

test('a URL names several brokers and how topics are made', () => {
  assert.deepEqual(
    parseKafkaUrl('kafka://one:9093,10.0.0.2,[::1]:9095?prefix=shop.&partitions=24&replicas=3'),
    {
      isTls: false,
      login: undefined,
      brokers: [
        { host: 'one', port: 9093 },
        { host: '10.0.0.2', port: 9092 },
        { host: '::1', port: 9095 },
      ],
      prefix: 'shop.',
      partitions: 24,
      replicas: 3,
      minInSyncReplicas: 2,
      retentionMs: -1,
    },
  );
  const bare = parseKafkaUrl('kafka://localhost/');
  assert.deepEqual(
    [bare.prefix, bare.partitions, bare.replicas, bare.minInSyncReplicas, bare.retentionMs],
    ['', 12, 1, 1, -1],
  );
  assert.equal(
    parseKafkaUrl('kafka://one?replicas=3&minInSyncReplicas=3&retentionMs=5').minInSyncReplicas,
    3,
  );
});

test('a URL has a login, and says how it is shown', () => {
  const login = (url: string) => parseKafkaUrl(url).login;
  const [user, password] = ['ann', 'p:a/s@s'];
  const text = 'ann:p:a%2Fs%40s@';
  assert.deepEqual(login(`kafka://${text}one,two`), { mechanism: 'SCRAM-SHA-512', user, password });
  const plain = parseKafkaUrl(`kafka+ssl://${text}one,two?sasl=plain`);
  assert.deepEqual([plain.isTls, plain.login], [true, { mechanism: 'PLAIN', user, password }]);
  assert.equal(login(`kafka://${text}one?sasl=SCRAM-SHA-256`)?.mechanism, 'SCRAM-SHA-256');
});

test('a URL that cannot be meant is refused before anything is asked', async () => {
  const urls = [
    ...['kafka:one', 'http://one', 'kafka://', 'kafka://one:99999', 'kafka://one,', 'kafka://user@one'],
    ...[
      'kafka://one?partition=3',
      'kafka://one?partitions=0',
      'kafka://one?partitions=',
      'kafka://one?prefix=a/b',
    ],
    ...['kafka://one?replicas=1&minInSyncReplicas=2', 'kafka://one?retentionMs=-2'],
    ...['kafka+tls://one', 'kafka://one?sasl=PLAIN', 'kafka+ssl://secret@one', 'kafka+ssl://:secret@one'],
    ...[
      'kafka://ann:secret@one?sasl=PLAIN',
      'kafka://ann:%zzsecret@one',
      'kafka://ann:secret@one?sasl=GSSAPI',
    ],
    ...['kafka://ann:secret@one:x', 'kafka://ann:se@cret@one'],
  ];
  for (const url of urls) {
    const refused = (error: { code?: string; reason?: string; message: string }) => {
      assert.deepEqual([error.code, error.reason], ['failed_precondition', 'kafka_url_invalid'], url);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    };
    await assert.rejects(createKafkaEventLog({ url }), refused, url);
  }
});

test('a log whose broker is not there, or never answers, is not opened', async () => {
  const mute = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const { port } = mute.address() as { readonly port: number };
  const url = `kafka://127.0.0.1:${port}`;
  const unavailable = { code: 'unavailable', reason: 'kafka_unavailable' };
  await assert.rejects(createKafkaEventLog({ url, requestTimeoutMs: 200 }), unavailable);
  await new Promise((resolve) => mute.close(resolve));
  await assert.rejects(createKafkaEventLog({ url, requestTimeoutMs: 200 }), unavailable);
});
