import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createEvent, toEncodedEvent } from '@banyan/events';
import { createRandom, seed } from '@banyan/test-support/random';
import { startFaultRun } from './fault-run.ts';
import { createHastyClock } from './hasty-clock.ts';
import { createRabbitFixture, type RabbitFixture, type RabbitMode } from './rabbit-fixture.ts';
import { type Direction, startTcpFaultProxy, type TcpFaultProxy } from './tcp-fault-proxy.ts';

const serverUrl = process.env['BANYAN_TEST_RABBITMQ_URL'];
/** Faults in each run. */
const faults = Number(process.env['BANYAN_FAULTS'] ?? 8);
for (const mode of ['streams', 'queues'] as const) {
  const skip = serverUrl === undefined && 'needs BANYAN_TEST_RABBITMQ_URL';
  describe(`RabbitMQ ${mode} behind a bad network`, { skip }, () => describeFaults(mode));
}

function describeFaults(mode: RabbitMode): void {
  let fixture: RabbitFixture;
  let proxy: TcpFaultProxy;
  let url: string;
  before(async () => {
    fixture = createRabbitFixture(serverUrl ?? '', mode);
    const target = new URL(fixture.url);
    proxy = await startTcpFaultProxy({ host: target.hostname, port: Number(target.port || 5672) });
    target.hostname = '127.0.0.1';
    target.port = String(proxy.port);
    url = target.href;
  });
  after(async () => {
    proxy.heal();
    await fixture.close();
    await proxy.close();
  });

  test('connections that break in the middle of publishes and reads lose nothing, and keep the order of keys', async (t) => {
    t.diagnostic(`BANYAN_SEED=${seed}`);
    const random = createRandom(seed);
    const run = await startFaultRun(await fixture.open(url), await fixture.open(url));
    for (let fault = 0; fault < faults; fault += 1) {
      await run.progress(100);
      const failures = run.failures;
      strike(proxy, random);
      while (run.failures === failures) await run.progress(1);
    }
    proxy.heal();
    await run.finish();
    assert.ok(run.failures >= faults);
  });

  test('a log that is opened while its connections break is there or unavailable, and never in between', {
    timeout: 120_000,
  }, async (t) => {
    t.diagnostic(`BANYAN_SEED=${seed}`);
    const random = createRandom(seed);
    // So that only the connecting remains to be done.
    await fixture.open();
    let refusals = 0;
    for (let round = 0; round < faults * 10; round += 1) {
      const direction: Direction = random() < 0.5 ? 'toServer' : 'toClient';
      proxy.cutAfter(direction, 1 + Math.floor(random() * 2_500));
      try {
        await fixture.open(url, createHastyClock());
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'unavailable');
        refusals += 1;
      }
      proxy.cut();
    }
    assert.ok(refusals > 0);
    proxy.heal();
  });

  test('a broker that has gone silent is unavailable in bounded time, and is found again', async () => {
    const log = await fixture.open(url, createHastyClock());
    const send = (key: string) => log.publish([toEncodedEvent(sample(key))]);
    await send('before');
    proxy.stall();
    await assert.rejects(send('stalled'), { code: 'unavailable', reason: 'rabbit_unavailable' });
    // The new connection is stalled as well.
    await assert.rejects(send('again'), { code: 'unavailable', reason: 'rabbit_unavailable' });
    const request = { group: 'mail', topics: ['orders.placed'], from: new Map([[0, 'end' as const]]) };
    await assert.rejects(log.open(request), { code: 'unavailable' });
    proxy.heal();
    for (let isSent = false; !isSent; ) {
      isSent = await send('after').then(
        () => true,
        () => false,
      );
    }
  });

  test('a log whose broker has gone silent closes all the same', async () => {
    const log = await fixture.open(url, createHastyClock());
    const from = new Map([[0, 'end' as const]]);
    const reader = await log.open({ group: 'audit', topics: ['orders.placed'], from });
    const waiting = reader.next(10, 60_000);
    proxy.stall();
    await log.close();
    assert.deepEqual((await waiting).events, []);
    proxy.heal();
  });
}

function strike(proxy: TcpFaultProxy, random: () => number): void {
  const direction: Direction = random() < 0.5 ? 'toServer' : 'toClient';
  const bytes = 1 + Math.floor(random() * 20_000);
  const kind = Math.floor(random() * 3);
  if (kind === 0) proxy.cut();
  else if (kind === 1) proxy.cutAfter(direction, bytes);
  else proxy.halfCloseAfter(direction, bytes);
}

function sample(key: string) {
  const data = { number: 0 };
  return createEvent({
    service: 'orders',
    name: 'placed',
    type: 'OrderPlaced',
    key,
    data,
    occurredAtMs: Date.now(),
  });
}
