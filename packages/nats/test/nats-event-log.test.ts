import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createNatsEventLog } from '@banyan/nats';
import { jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createEmitter, createReading } from './fault-driver.ts';
import { lacksServer, type OwnServer, startOwnServer } from './own-server.ts';

test('a URL that cannot be understood is refused, and its password not repeated', async () => {
  const urls = [
    'http://127.0.0.1:4222',
    'nats://',
    'nats://a:secret@',
    'nats://:secret@host:port',
    'nats://127.0.0.1?partitions=0',
    'nats://127.0.0.1?partitions=',
    'nats://127.0.0.1?name=a.b',
    'nats://127.0.0.1?colour=green',
    'nats://a:%zzsecret@127.0.0.1',
  ];
  for (const url of urls) {
    await assert.rejects(createNatsEventLog({ url }), (error: Error & { reason?: string }) => {
      assert.equal(error.reason, 'nats_url_invalid', url);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});

test('a server that does not answer is unavailable', async () => {
  // Port 1 of this machine: nobody listens there.
  const opening = createNatsEventLog({ url: 'nats://127.0.0.1:1', timeoutMs: 500 });
  await assert.rejects(opening, { code: 'unavailable', reason: 'nats_unavailable' });
});

describe('a NATS server with users', { skip: lacksServer }, () => {
  let server: OwnServer;
  before(async () => {
    server = await startOwnServer(['--user', 'test', '--pass', 'test']);
  });
  after(() => server.remove());
  const urlOf = (login: string, query: string) => `nats://${login}@127.0.0.1:${server.port}?${query}`;
  const administer = async () => {
    const nc = await connect({ servers: `127.0.0.1:${server.port}`, user: 'test', pass: 'test' });
    return { nc, jsm: await jetstreamManager(nc) };
  };

  test('lets in who knows the password', async () => {
    const log = await createNatsEventLog({ url: urlOf('test:t%65st', 'name=login') });
    const emitter = createEmitter(log);
    await emitter.emit(3);
    const reading = createReading(log);
    await reading.readUntil(emitter.confirmed);
    await log.close();
    await assert.rejects(createNatsEventLog({ url: urlOf('test:wrong', 'name=login') }), {
      code: 'permission_denied',
      reason: 'nats_denied',
    });
  });

  test('takes no log with another number of partitions, and says what there is', async () => {
    const log = await createNatsEventLog({ url: urlOf('test:test', 'name=parts&partitions=3') });
    assert.equal(log.partitions, 3);
    await log.close();
    const other = createNatsEventLog({ url: urlOf('test:test', 'name=parts&partitions=4') });
    await assert.rejects(other, { reason: 'nats_stream_unfit', message: /has 3 partitions, .* asks for 4/ });
  });

  test('takes no stream of another kind, and none that the server cannot keep', async () => {
    const { nc, jsm } = await administer();
    await jsm.streams.add({ name: 'foreign', subjects: ['foreign.>'] });
    const log = await createNatsEventLog({ url: urlOf('test:test', 'name=memory') });
    await log.close();
    const { config } = await jsm.streams.info('memory');
    await jsm.streams.delete('memory');
    await jsm.streams.add({ name: 'memory', subjects: config.subjects, storage: StorageType.Memory });
    await nc.close();
    for (const query of ['name=foreign', 'name=memory', 'name=copies&replicas=3']) {
      const opening = createNatsEventLog({ url: urlOf('test:test', query) });
      await assert.rejects(opening, { code: 'failed_precondition', reason: 'nats_stream_unfit' }, query);
    }
  });

  test('gives the stream the settings of the URL', async () => {
    const query = 'name=settings&retentionMs=3600000&rememberIdsForMs=60000';
    const log = await createNatsEventLog({ url: urlOf('test:test', query) });
    assert.deepEqual([log.features.remembersIdsForMs, log.features.flushes], [60_000, false]);
    // The server forgets by itself.
    assert.equal(await log.prune(0), 0);
    const { nc, jsm } = await administer();
    const { config } = await jsm.streams.info('settings');
    await nc.close();
    assert.equal(config.max_age, 3_600_000 * 1_000_000);
    await log.close();
    await assert.rejects(log.publish([]), { code: 'unavailable', reason: 'nats_log_closed' });
  });
});
