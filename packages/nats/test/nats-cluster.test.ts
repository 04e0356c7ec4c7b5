import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isServiceError } from '@banyan/core';
import type { EventLog } from '@banyan/events';
import { createNatsEventLog } from '@banyan/nats';
import { freePorts } from '@banyan/testing';
import { createEmitter, createReading } from './fault-driver.ts';
import { lacksServer, type OwnServer, startOwnServer } from './own-server.ts';

/** `kill -9` of one server after the other. */
const kills = Number(process.env['BANYAN_FAULTS'] ?? 1);

describe('a cluster of three NATS servers', { skip: lacksServer }, () => {
  let servers: readonly OwnServer[] = [];
  before(async () => {
    const ports = await freePorts(3);
    const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
    servers = await Promise.all(
      routes.map((route, index) =>
        startOwnServer([
          ...['--server_name', `n${index + 1}`, '--cluster_name', 'banyan'],
          ...['--cluster', route, '--routes', routes.join(',')],
        ]),
      ),
    );
  });
  after(() => Promise.all(servers.map((server) => server.remove())));

  test('goes on when a server is killed, and loses nothing', async () => {
    const hosts = servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const url = `nats://${hosts}?name=three&replicas=3&partitions=4`;
    const logs = [await createNatsEventLog({ url }), await createNatsEventLog({ url })] as const;
    const emitter = createEmitter(logs[0]);
    const reading = createReading(logs[1]);
    await emitter.emit(20);
    await reading.readUntil(emitter.confirmed);
    for (let kill = 0; kill < kills; kill += 1) {
      const server = servers[kill % servers.length];
      await server?.stop('SIGKILL');
      await emitter.emit(20);
      await reading.readUntil(emitter.confirmed);
      await server?.start();
    }
    assert.equal(reading.seen.size, 20 * (kills + 1));
    await reading.close();
    for (const log of logs) await log.close();
  });

  test('is found when the first server of the URL is away', async () => {
    const [first, second] = servers;
    const url = `nats://127.0.0.1:${first?.port},127.0.0.1:${second?.port}?name=two&replicas=3&partitions=1`;
    // Before it is away: a stream that is made in the minute after may be put on the very server that has just died.
    await (await openWhenThereIsALeader(url)).close();
    await first?.stop('SIGKILL');
    const log = await openWhenThereIsALeader(url);
    await createEmitter(log).emit(3);
    await log.close();
    await first?.start();
  });
});

/** Servers that have lost their leader refuse for as long as they elect another one. */
async function openWhenThereIsALeader(url: string): Promise<EventLog> {
  for (const endMs = Date.now() + 150_000; ; ) {
    try {
      return await createNatsEventLog({ url });
    } catch (error) {
      if (Date.now() > endMs || !isServiceError(error) || error.code !== 'unavailable') throw error;
    }
  }
}
