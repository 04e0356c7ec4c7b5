import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { EventLog, StartAt } from '@banyan/events';
import { createNatsEventLog, type NatsEventLogOptions } from '@banyan/nats';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { assertOrdered, createEmitter, createReading, type Emitter } from './fault-driver.ts';
import { lacksServer, type OwnServer, startOwnServer } from './own-server.ts';

/** `BANYAN_FAULTS=100` for a long run. */
const rounds = Number(process.env['BANYAN_FAULTS'] ?? 3);

describe('a NATS server that fails', { skip: lacksServer }, () => {
  let server: OwnServer;
  let logs: EventLog[];
  beforeEach(async () => {
    logs = [];
    server = await startOwnServer();
  });
  afterEach(async () => {
    server.resume();
    for (const log of logs) await log.close();
    await server.remove();
  });

  const open = async (options: Partial<NatsEventLogOptions> = {}) => {
    const log = await createNatsEventLog({ url: `${server.url}?name=shop`, timeoutMs: 1_000, ...options });
    logs.push(log);
    return log;
  };
  const deleteStream = async () => {
    const nc = await connect({ servers: `127.0.0.1:${server.port}` });
    await (await jetstreamManager(nc)).streams.delete('shop');
    await nc.close();
  };
  /** Emits until `fault` is through, and a little after. */
  const emitDuring = async (emitter: Emitter, fault: () => Promise<void>) => {
    await emitter.emit(20);
    let isOver = false;
    const emitting = async () => {
      while (!isOver) await emitter.emit(20);
      await emitter.emit(20);
    };
    const failing = async () => {
      await fault();
      isOver = true;
    };
    await Promise.all([emitting(), failing()]);
  };

  test('killed and started again while events are published, it loses none that it confirmed', async () => {
    const emitter = createEmitter(await open());
    const reading = createReading(await open());
    for (let round = 0; round < rounds; round += 1) {
      await emitDuring(emitter, async () => {
        await server.stop('SIGKILL');
        await server.start();
      });
      await reading.readUntil(emitter.confirmed);
    }
    assertOrdered(reading.seen.values());
    assert.deepEqual([emitter.losses, reading.losses], [0, 0]);
    const late = createReading(await open());
    await late.readUntil(emitter.confirmed);
    assertOrdered(late.seen.values());
  });

  test('put back to an earlier state, it gets again what it lost, and tells publisher and readers', async () => {
    const emitter = createEmitter(await open());
    const reading = createReading(await open());
    const half = createReading(await open(), [0, 2, 4, 6, 8, 10]);
    await emitter.emit(100);
    await server.stop();
    await server.saveStore();
    await server.start();
    await emitter.emit(100);
    await reading.readUntil(emitter.confirmed);
    await half.readUntil(emitter.confirmed);
    await server.stop();
    await server.restoreStore();
    await server.start();
    // Somebody who knows nothing of it publishes as much as was lost, and more: the numbers of the stream are given again.
    const other = createEmitter(await open(), 'other');
    await other.emit(150);
    assert.equal(emitter.losses, 0);
    await emitter.emit(20);
    assert.equal(emitter.losses, 1);
    for (const each of [reading, half]) {
      await each.readUntil([...emitter.confirmed, ...other.confirmed]);
      assert.equal(each.losses, 1);
      assertOrdered(each.seen.values());
    }
    const late = createReading(await open());
    await late.readUntil(emitter.confirmed);
    assertOrdered(late.seen.values());
  });

  test('put back while everybody was away, it is found out by the first reader that goes on', async () => {
    const before = await open();
    const emitter = createEmitter(before);
    await emitter.emit(20);
    await server.stop();
    await server.saveStore();
    await server.start();
    await emitter.emit(20);
    const everywhere = Array.from({ length: before.partitions }, (_, partition) => partition);
    const from = new Map<number, StartAt>(everywhere.map((partition) => [partition, 'start']));
    const request = { group: 'mail', topics: ['orders.placed'], from };
    const reader = await before.open(request);
    for (let count = 0; count < 40; ) {
      const page = await reader.next(100, 1_000);
      count += page.events.length;
      for (const [partition, position] of page.positions) from.set(partition, { position });
    }
    await before.close();
    await server.stop();
    await server.restoreStore();
    await server.start();
    const after = await open();
    let losses = 0;
    after.onLoss?.(() => {
      losses += 1;
    });
    for (const _ of [1, 2]) {
      const late = await after.open(request);
      await assert.rejects(late.next(1, 0), { code: 'failed_precondition', reason: 'position_lost' });
      await late.close();
    }
    assert.equal(losses, 1);
    assert.equal(await after.lag(request), 20);
  });

  test('without its stream, it gets a new one, and everything that is published again', async () => {
    const emitter = createEmitter(await open());
    const reading = createReading(await open());
    await emitter.emit(100);
    await reading.readUntil(emitter.confirmed);
    for (let round = 1; round <= rounds; round += 1) {
      await emitDuring(emitter, deleteStream);
      await reading.readUntil(emitter.confirmed);
      assert.deepEqual([emitter.losses, reading.losses], [round, round]);
    }
    assertOrdered(reading.seen.values());
    const late = createReading(await open());
    await late.readUntil(emitter.confirmed);
    assertOrdered(late.seen.values());
  });

  test('paused, it makes publishing and reading fail in time, and they go on when it does', async () => {
    const log = await open();
    const emitter = createEmitter(log);
    const reading = createReading(log);
    await emitter.emit(10);
    await reading.readUntil(emitter.confirmed);
    server.pause();
    const [event] = emitter.confirmed;
    assert.ok(event);
    // A process stops a moment after it was told to.
    const publishing = async () => {
      for (let count = 0; count < 10_000; count += 1) await log.publish([event]);
    };
    await assert.rejects(publishing(), { code: 'unavailable', reason: 'nats_unavailable' });
    await assert.rejects(log.lag({ group: 'mail', topics: [], from: new Map([[0, 'end']]) }), {
      code: 'unavailable',
    });
    await assert.rejects(log.open({ group: 'mail', topics: [], from: new Map([[0, 'end']]) }), {
      code: 'unavailable',
    });
    server.resume();
    await emitter.emit(10);
    await reading.readUntil(emitter.confirmed);
    assertOrdered(reading.seen.values());
  });
});
