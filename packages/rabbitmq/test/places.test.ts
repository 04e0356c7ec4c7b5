import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type CloudEvent, createEvent, type EventLog, toEncodedEvent } from '@banyan/events';
import { createRabbitEventLog } from '@banyan/rabbitmq';
import { createHastyClock } from './hasty-clock.ts';
import {
  createRabbitFixture,
  partitions,
  type RabbitFixture,
  withChannel,
  withSettings,
} from './rabbit-fixture.ts';

const serverUrl = process.env['BANYAN_TEST_RABBITMQ_URL'] ?? '';
const skip = serverUrl === '' && 'needs BANYAN_TEST_RABBITMQ_URL';
const lost = { code: 'failed_precondition', reason: 'position_lost' };
const key = 'a';

describe('places in RabbitMQ streams', { skip }, () => {
  let fixture: RabbitFixture;
  beforeEach(() => {
    fixture = createRabbitFixture(serverUrl, 'streams');
  });
  afterEach(() => fixture.close());

  test('a stream that was made anew and has grown past a position is not taken for the old one', async () => {
    const place = await publishAndRead(await fixture.open(), 3);
    await deleteStreams(fixture);
    const log = await fixture.open();
    await publish(log, 6);
    await assert.rejects(readFrom(log, place), lost);
  });

  test('a stream that was made anew and ends before a position is not waited for in silence', async () => {
    const place = await publishAndRead(await fixture.open(), 5);
    await deleteStreams(fixture);
    const log = await fixture.open(fixture.url, createHastyClock());
    await publish(log, 2);
    await assert.rejects(readFrom(log, place), lost);
  });

  test('a place that retention has dropped is lost, not skipped', async () => {
    await withChannel(serverUrl, async (channel) => {
      const small = { 'x-max-length-bytes': 40_000, 'x-stream-max-segment-size-bytes': 20_000 };
      for (let partition = 0; partition < partitions; partition += 1) {
        const args = { 'x-queue-type': 'stream', ...small };
        await channel.assertQueue(`${fixture.name}.${partition}`, { durable: true, arguments: args });
      }
    });
    const log = await fixture.open();
    const place = await publishAndRead(log, 1);
    const endsAtMs = Date.now() + 30_000;
    for (let isKept = true; isKept; ) {
      assert.ok(Date.now() < endsAtMs, 'retention drops the first segment');
      // One by one, so that they fill the segments to different heights.
      for (let record = 0; record < 7; record += 1) await publish(log, 1, 'x'.repeat(2_000));
      isKept = await readFrom(log, place).then(
        () => true,
        (error: unknown) => {
          assert.deepEqual(pick(error), lost);
          return false;
        },
      );
    }
  });
});

describe('a RabbitMQ log that does not fit', { skip }, () => {
  test('is refused with another number of partitions or another mode, so that no event goes where nobody reads', async () => {
    const fixture = createRabbitFixture(serverUrl, 'streams');
    await fixture.open();
    const unfit = { code: 'failed_precondition', reason: 'rabbit_unfit' };
    for (const settings of [{ partitions: '5' }, { mode: 'queues' }]) {
      await assert.rejects(createRabbitEventLog({ url: withSettings(fixture.url, settings) }), unfit);
    }
    await fixture.close();
  });

  test('is refused with a wrong password, or a URL that says nothing known', async () => {
    const wrong = new URL(serverUrl);
    wrong.password = 'wrong';
    await assert.rejects(createRabbitEventLog({ url: wrong.href }), { code: 'permission_denied' });
    for (const url of [
      'http://localhost',
      'amqp://',
      `${serverUrl}?partition=3`,
      `${serverUrl}?partitions=0`,
    ]) {
      await assert.rejects(createRabbitEventLog({ url }), { reason: 'rabbit_url_invalid' });
    }
  });
});

async function publish(log: EventLog, count: number, padding = ''): Promise<void> {
  const events = Array.from({ length: count }, () => sample(padding));
  await log.publish(events.map(toEncodedEvent));
}

/** Publishes, reads it all, and returns the places. */
async function publishAndRead(log: EventLog, count: number) {
  await publish(log, count);
  const places = new Map(Array.from({ length: partitions }, (_, partition) => [partition, 'start' as const]));
  const reader = await log.open({ group: 'mail', topics: ['orders.placed'], from: places });
  const found = new Map<number, { readonly position: string }>();
  for (let seen = 0; seen < count; ) {
    const page = await reader.next(count, 1_000);
    seen += page.events.length;
    for (const [partition, position] of page.positions) found.set(partition, { position });
  }
  await reader.close();
  return found;
}

/** Reads until something comes, or for what the log takes for a minute. */
async function readFrom(log: EventLog, from: ReadonlyMap<number, { readonly position: string }>) {
  const reader = await log.open({ group: 'mail', topics: ['orders.placed'], from });
  try {
    return await reader.next(10, 60_000);
  } finally {
    await reader.close();
  }
}

async function deleteStreams({ name }: RabbitFixture): Promise<void> {
  await withChannel(serverUrl, async (channel) => {
    for (let partition = 0; partition < partitions; partition += 1)
      await channel.deleteQueue(`${name}.${partition}`);
  });
}

function pick(error: unknown) {
  const { code, reason } = error as { readonly code?: unknown; readonly reason?: unknown };
  return { code, reason };
}

function sample(padding: string): CloudEvent {
  const data = { padding };
  return createEvent({
    service: 'orders',
    name: 'placed',
    type: 'OrderPlaced',
    key,
    data,
    occurredAtMs: Date.now(),
  });
}
