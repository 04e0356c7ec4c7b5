import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startFaultRun } from './fault-run.ts';
import { createRabbitFixture, partitions } from './rabbit-fixture.ts';
import { createRabbitServer, type RabbitServer, rabbitServerScript } from './rabbit-server.ts';

/** `kill -9` in each run. */
const kills = Number(process.env['BANYAN_KILLS'] ?? 1);
/** What broke the order did so about once in fifty. */
const writerKills = 50 * kills;
const skip = rabbitServerScript === undefined && 'needs rabbitmq-server';

describe('a RabbitMQ that is killed', { skip }, () => {
  let server: RabbitServer;
  before(async () => {
    server = await createRabbitServer(rabbitServerScript ?? '');
    await server.start();
  });
  after(() => server.remove());

  test('keeps what it has confirmed, in streams and in queues', async () => {
    const streams = createRabbitFixture(server.url, 'streams');
    const queues = createRabbitFixture(server.url, 'queues');
    const runs = await Promise.all(
      [streams, queues].map(async (fixture) => startFaultRun(await fixture.open(), await fixture.open())),
    );
    const groupQueues = Array.from(
      { length: partitions },
      (_, partition) => `${queues.name}.mail.${partition}`,
    );
    await server.remembers([`${streams.name}.settings`, 'rabbit_stream_coordinator', ...groupQueues]);
    for (let kill = 0; kill < kills; kill += 1) {
      await Promise.all(runs.map((run) => run.progress(300)));
      await server.kill();
      await server.start();
    }
    await Promise.all(runs.map((run) => run.progress(300)));
    for (const run of runs) {
      await run.finish();
      assert.ok(run.failures > 0);
    }
    for (const fixture of [streams, queues]) await fixture.close();
  });

  test('keeps what it has confirmed, and the order of keys, when its streams get other writers under way', async () => {
    const streams = createRabbitFixture(server.url, 'streams');
    const run = await startFaultRun(await streams.open(), await streams.open());
    await run.progress(300);
    await server.killStreamWriters(writerKills);
    await run.progress(300);
    await run.finish();
    await streams.close();
  });
});
