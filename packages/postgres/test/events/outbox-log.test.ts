import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type CloudEvent, createEvent, type EventLog, type LogReader, type StartAt } from '@banyan/events';
import {
  createPostgresOutbox,
  createPostgresOutboxLog,
  type PostgresDatabase,
  platformMigrations,
} from '@banyan/postgres';
import { createTestDatabase, until } from '@banyan/testing';
import { createOlderServiceDatabase, createServiceDatabase, migrated } from './events-databases.ts';
import { hold } from './held-transaction.ts';

const topics = ['orders.placed'];

function placed(key: string, value: unknown): CloudEvent {
  return createEvent({
    service: 'orders',
    name: 'placed',
    type: 'OrderPlaced',
    key,
    data: { value },
    occurredAtMs: Date.now(),
  });
}

/** The outbox of `orders` as the log of a process, and what another process of it would use. */
async function createScene(t: TestContext) {
  const target = await createServiceDatabase(t);
  return { ...target, ...openLog(t, target.url), outbox: createPostgresOutbox(target.database) };
}

function openLog(t: TestContext, url: string) {
  const log = createPostgresOutboxLog({ id: 'test', urls: { orders: url }, sender: randomUUID() });
  t.after(() => log.close());
  return { log };
}

function emit(database: PostgresDatabase, ...events: readonly CloudEvent[]): Promise<void> {
  const outbox = createPostgresOutbox(database);
  return database.tx(({ sql }) => outbox.append(sql, events));
}

function everywhere(log: EventLog, at: StartAt): ReadonlyMap<number, StartAt> {
  return new Map(Array.from({ length: log.partitions }, (_, partition) => [partition, at]));
}

function openAt(log: EventLog, at: StartAt): Promise<LogReader> {
  return log.open({ group: 'mail', topics, from: everywhere(log, at) });
}

async function valuesOf(reader: LogReader, count: number): Promise<readonly unknown[]> {
  const values: unknown[] = [];
  await until(async () => {
    const { events } = await reader.next(100, 20);
    values.push(...events.map(({ data }) => (data as { readonly value: unknown }).value));
    return values.length >= count;
  }, `${count} events`);
  return values;
}

test('an event whose transaction commits after later ones is read then, once, and holds up nobody', async (t) => {
  const { database, log, outbox } = await createScene(t);
  const reader = await openAt(log, 'start');
  const late = await hold(database, (sql) => outbox.append(sql, [placed('a', 'late')]));
  await emit(database, placed('b', 1));
  await emit(database, placed('c', 2));
  assert.deepEqual(await valuesOf(reader, 2), [1, 2]);
  await late();
  await emit(database, placed('a', 'after'));
  assert.deepEqual(await valuesOf(reader, 2), ['late', 'after']);
  assert.deepEqual((await reader.next(100, 20)).events, []);
});

test('the places that a reader gave out remember what was not committed then', async (t) => {
  const { database, log, outbox } = await createScene(t);
  const reader = await openAt(log, 'start');
  const late = await hold(database, (sql) => outbox.append(sql, [placed('a', 'late')]));
  await emit(database, placed('a2', 1), placed('b', 2), placed('c', 3));
  const { positions } = await reader.next(100, 1_000);
  await reader.close();
  await late();
  const from = new Map<number, StartAt>(
    Array.from({ length: log.partitions }, (_, partition) => {
      const position = positions.get(partition);
      return [partition, position === undefined ? 'start' : { position }];
    }),
  );
  const next = await log.open({ group: 'mail', topics, from });
  assert.deepEqual(await valuesOf(next, 1), ['late']);
  assert.deepEqual((await next.next(100, 20)).events, []);
});

test('the outbox of a service that has never run is empty, and is read from its beginning when it is there', async (t) => {
  const target = await createTestDatabase(t);
  const { log } = openLog(t, target.url);
  const reader = await openAt(log, 'end');
  assert.deepEqual((await reader.next(10, 20)).events, []);
  assert.equal(await log.lag({ group: 'mail', topics, from: new Map([[0, 'start']]) }), 0);
  await migrated(target, platformMigrations.service);
  await emit(target.database, placed('a', 'first'));
  assert.deepEqual(await valuesOf(reader, 1), ['first']);
});

test('the outbox of a service that was not brought up to date yet is read, and its places hold when it is', async (t) => {
  const target = await createOlderServiceDatabase(t, '0016-create-flow-audit.sql');
  const { log } = openLog(t, target.url);
  const reader = await openAt(log, 'start');
  await emit(target.database, placed('a', 1));
  assert.deepEqual(await valuesOf(reader, 1), [1]);
  await emit(target.database, placed('a', 2));
  assert.equal(await log.lag({ group: 'mail', topics, from: everywhere(log, 'start') }), 2);
  await migrated(target, platformMigrations.service);
  await emit(target.database, placed('a', 3));
  assert.deepEqual(await valuesOf(reader, 2), [2, 3]);
  assert.deepEqual((await reader.next(10, 20)).events, []);
});

test('a place in an outbox that was made anew is none: it is read from its beginning', async (t) => {
  const { database, log } = await createScene(t);
  await emit(database, placed('a', 1), placed('b', 2));
  const reader = await openAt(log, 'start');
  const { positions } = await reader.next(100, 1_000);
  await reader.close();
  await database.sql`update banyan.outbox_state set id = gen_random_uuid()`;
  const [[partition, position] = [0, '']] = positions;
  const again = await log.open({ group: 'mail', topics, from: new Map([[partition, { position }]]) });
  assert.equal((await valuesOf(again, 1)).length, 1);
});

test('what retention has dropped is lost for whoever is behind it, but not what was still open then', async (t) => {
  const { database, log, outbox } = await createScene(t);
  await emit(database, placed('a', 1));
  const behind = await openAt(log, 'start');
  const late = await hold(database, (sql) => outbox.append(sql, [placed('b', 'late')]));
  await emit(database, placed('c', 2));
  assert.equal(await log.prune(60_000), 0);
  await until(async () => (await log.prune(0)) > 0, 'something is old enough');
  await assert.rejects(behind.next(10, 20), { code: 'failed_precondition', reason: 'position_lost' });
  const reader = await openAt(log, 'start');
  await late();
  await emit(database, placed('d', 3));
  const seen = await valuesOf(reader, 2);
  assert.deepEqual(
    seen.filter((value) => value !== 2),
    ['late', 3],
  );
});

test('two outboxes are read in turn, and a place holds both', async (t) => {
  const [orders, payments] = [await createServiceDatabase(t), await createServiceDatabase(t)];
  const urls = { orders: orders.url, payments: payments.url };
  const log = createPostgresOutboxLog({ id: 'test', urls, sender: randomUUID() });
  t.after(() => log.close());
  const captured = createEvent({
    service: 'payments',
    name: 'captured',
    type: 'PaymentCaptured',
    key: 'a',
    data: { value: 'paid' },
    occurredAtMs: Date.now(),
  });
  await emit(orders.database, placed('a', 'placed'));
  await emit(payments.database, captured);
  const both = ['orders.placed', 'payments.captured'];
  const all = Array.from({ length: log.partitions }, (_, partition) => partition);
  let places = new Map<number, StartAt>(all.map((partition) => [partition, 'start']));
  const values: unknown[] = [];
  for (let page = 0; page < 2; page += 1) {
    const reader = await log.open({ group: 'mail', topics: both, from: places });
    const { events, positions } = await reader.next(1, 1_000);
    await reader.close();
    values.push(...events.map(({ data }) => (data as { readonly value: unknown }).value));
    places = new Map([...places, ...[...positions].map(([key, position]) => [key, { position }] as const)]);
  }
  assert.deepEqual(new Set(values), new Set(['placed', 'paid']));
});

test('nothing is published to it, and nothing can be published again', async (t) => {
  const { log, database } = await createScene(t);
  const outbox = createPostgresOutbox(database, { log: { sender: 'test', wake: () => {} } });
  await assert.rejects(log.publish([]), { code: 'failed_precondition', reason: 'not_supported' });
  await assert.rejects(outbox.rewind(new Date(0).toISOString()), {
    code: 'failed_precondition',
    reason: 'not_supported',
  });
  await emit(database, placed('a', 1));
  assert.deepEqual(await outbox.backlog(), { count: 0, oldestAgeMs: 0, delayed: 0, dead: 0 });
});

test('a relay that takes over, because the log moves to a broker, begins with what is younger than a day', async (t) => {
  const { database } = await createScene(t);
  const outbox = createPostgresOutbox(database, { log: { sender: 'test', wake: () => {} } });
  await emit(database, placed('a', 'old'));
  await database.sql`update banyan.outbox set appended_at = now() - interval '25 hours'`;
  await emit(database, placed('b', 'young'));
  assert.equal(await outbox.prune(24 * 3_600_000), 0);
  const relayed = createPostgresOutbox(database);
  const lease = await relayed.acquire('orders-1', 60_000);
  assert.ok(lease !== undefined);
  const { events } = await relayed.read(await relayed.cursor(lease), 10);
  assert.deepEqual(
    events.map(({ text }) => (JSON.parse(text) as CloudEvent<{ value: unknown }>).data.value),
    ['young'],
  );
});

test('a message that is due is released by whoever looks after the outbox', async (t) => {
  const { database, log } = await createScene(t);
  const outbox = createPostgresOutbox(database, { log: { sender: 'test', wake: () => {} } });
  const reader = await openAt(log, 'start');
  assert.equal(await outbox.releaseDue(), undefined);
  await database.tx(({ sql }) => outbox.append(sql, [placed('a', 'later')], { dueAtMs: Date.now() + 3_000 }));
  const dueInMs = await outbox.releaseDue();
  assert.ok(dueInMs !== undefined && dueInMs <= 3_000);
  assert.equal((await outbox.backlog()).delayed, 1);
  await until(async () => (await outbox.releaseDue()) === undefined, 'the message is released');
  assert.deepEqual(await valuesOf(reader, 1), ['later']);
});
