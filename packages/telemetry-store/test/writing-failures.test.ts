import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type Sql, type SqlFragment, silentLogger, systemClock } from '@banyan/core';
import { createDatabase } from '@banyan/postgres';
import type { TelemetryStore } from '@banyan/telemetry-store';
import { createTestDatabase, eventually } from '@banyan/testing';
import { givenStore, hexId, spansRequest } from './given.ts';

const startUs = systemClock.nowMs() * 1_000 - 60e6;
const send = (store: TelemetryStore, from: number, count = 1) =>
  store.receive(
    'spans',
    spansRequest(
      'orders',
      Array.from({ length: count }, (_, index) => ({
        traceId: hexId(32, from + index),
        spanId: hexId(16, from + index),
        name: 'orders.place',
        kind: 2,
        startUs,
        durationUs: 10,
      })),
    ),
  );
const spansOf = async (store: TelemetryStore) => (await store.state()).signals.spans;

/** Has the database run `body`, PL/pgSQL that may raise, for each row that is inserted into `table`. */
async function givenFault(url: string, table: string, body: (sql: Sql) => SqlFragment): Promise<void> {
  const admin = createDatabase({ url });
  await admin.sql`create sequence telemetry.attempts`;
  await admin.sql`create function telemetry.fail() returns trigger language plpgsql as $$
    begin ${body(admin.sql)} return new; end $$`;
  await admin.sql`create trigger fail before insert on ${admin.sql.identifier(table)} for each row execute function telemetry.fail()`;
  await admin.close();
}

test('a batch that is lost after the database was away keeps nothing behind it from being written', async (t) => {
  const { store, url } = await givenStore(t);
  // A sequence goes on when a transaction is rolled back: first full, then refused for good, then well.
  await givenFault(
    url,
    'telemetry.senders',
    (sql) => sql`case nextval('telemetry.attempts') when 1 then raise 'full' using errcode = '53100';
      when 2 then raise 'never' using errcode = '23514'; else null; end case;`,
  );
  send(store, 1);
  await eventually(
    () => spansOf(store),
    ({ shed }) => shed === 1,
  );
  send(store, 2);
  await eventually(
    () => spansOf(store),
    ({ stored }) => stored === 1,
  );
  assert.equal((await store.state()).isWriting, true);
  assert.ok(await store.trace(hexId(32, 2)));
});

test('a listener that throws costs no telemetry, and no other listener its news', async (t) => {
  const { store } = await givenStore(t);
  const told: number[] = [];
  store.onStored(() => {
    throw new Error('a listener');
  });
  store.onStored(({ spans }) => told.push(spans));
  send(store, 1);
  await store.flush();
  send(store, 2, 2);
  await store.flush();
  assert.deepEqual(await spansOf(store), { received: 3, stored: 3, shed: 0, refused: 0, waiting: 0 });
  assert.deepEqual(told, [1, 2]);
});

test('sums that the database refuses for good are lost alone', async (t) => {
  let aheadMs = 0;
  const clock = { nowMs: () => systemClock.nowMs() + aheadMs, setTimer: systemClock.setTimer };
  const { store, url } = await givenStore(t, { clock, logger: silentLogger });
  await givenFault(
    url,
    'telemetry.traffic',
    (sql) => sql`if new.count >= 7 then raise 'never' using errcode = '22003'; end if;`,
  );
  send(store, 1, 7);
  await store.flush();
  // Sums are due again.
  aheadMs += 60_000;
  send(store, 8);
  await store.flush();
  assert.deepEqual(await spansOf(store), { received: 8, stored: 1, shed: 7, refused: 0, waiting: 0 });
});

/** Passes everything on to `url`, until `cut` is called: the next commit arrives, and the connection is gone before its answer. */
async function startCuttingProxy(t: TestContext, url: string) {
  const target = new URL(url);
  // The server of the tests listens on a socket in its folder.
  const path = `${target.searchParams.get('host')}/.s.PGSQL.${target.port}`;
  let isCutting = false;
  const server = createServer((client) => {
    const upstream = connect({ path });
    let isCommitting = false;
    client.on('data', (chunk) => {
      isCommitting ||= isCutting && chunk.includes('commit\0');
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (!isCommitting) return client.write(chunk);
      isCutting = false;
      return client.destroy();
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  target.searchParams.delete('host');
  target.hostname = '127.0.0.1';
  target.port = String((server.address() as AddressInfo).port);
  return {
    url: target.href,
    cut: () => {
      isCutting = true;
    },
    get isCutting() {
      return isCutting;
    },
  };
}

test('a batch whose commit was not answered is there once, and its requests are counted once', async (t) => {
  const { url } = await createTestDatabase(t);
  const proxy = await startCuttingProxy(t, url);
  const { store } = await givenStore(t, { url: proxy.url });
  send(store, 1);
  await store.flush();
  proxy.cut();
  send(store, 2, 3);
  const { stored } = await eventually(
    () => spansOf(store),
    (counts) => counts.stored === 4,
  );
  assert.equal(proxy.isCutting, false);
  assert.equal(stored, 4);
  assert.equal((await store.trace(hexId(32, 3)))?.spans.length, 1);
  const admin = createDatabase({ url });
  t.after(() => admin.close());
  const [row] = await admin.sql<{
    spans: number;
  }>`select sum(spans)::int8 as spans from telemetry.trace_parts`;
  assert.equal(row?.spans, 4);
});

test('a stop waits for no back-off: what waits is tried once more at once', async (t) => {
  const { url } = await createTestDatabase(t);
  // Timers keep no process alive, and may therefore never fire.
  const clock = { nowMs: systemClock.nowMs, setTimer: () => () => {} };
  const { store } = await givenStore(t, { url, clock });
  await givenFault(
    url,
    'telemetry.senders',
    (sql) => sql`if nextval('telemetry.attempts') = 1 then raise 'full' using errcode = '53100'; end if;`,
  );
  send(store, 1);
  const written = store.flush();
  await eventually(
    async () => (await store.state()).isWriting,
    (isWriting) => !isWriting,
  );
  await store.stop();
  await written;
  const { store: next } = await givenStore(t, { url });
  assert.ok(await next.trace(hexId(32, 1)));
});
