import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { type BanyanAlarm, contract, operation } from '@banyan/contract';
import {
  createProjection,
  defineEvent,
  defineEventStore,
  defineEvents,
  defineProjection,
} from '@banyan/event-store';
import { createMetrics } from '@banyan/telemetry';
import { startTestSystem, until } from '@banyan/testing';
import { z } from 'zod';

const Nothing = z.object({});
const shop = contract('shop', {
  version: '1.0.0',
  operations: {
    place: operation('POST /orders', { input: z.object({ orderId: z.string() }), output: Nothing }),
  },
});
const front = contract('front', { version: '1.0.0', operations: {}, events: {} });
const events = defineEvents({ OrderPlaced: defineEvent({ schema: Nothing }) });
const storeOf = defineEventStore({ events });

test('a projection that stands still: its lag is on the metrics page and in health, and there is one alarm until it has caught up', async (t) => {
  const gate = Promise.withResolvers<void>();
  const history = defineProjection(events, {
    name: 'history',
    version: 1,
    tables: { history: (table, sql) => [sql`create table ${table} (stream text primary key)`] },
    on: {
      async OrderPlaced({ stream }, { sql, tables }) {
        await gate.promise;
        await sql`insert into ${tables.history} values (${stream})`;
      },
    },
  });
  const heard: BanyanAlarm[] = [];
  const shopService = service(shop, {
    operations: {
      // The test cannot wait for a minute: what it places was placed two minutes ago.
      async place({ orderId }, { sql }) {
        await sql`
          insert into banyan.event (stream, revision, type, version, data, recorded_at)
          values (${`order-${orderId}`}, 0, 'OrderPlaced', 1, '{}', clock_timestamp() - interval '2 minutes')`;
        return {};
      },
    },
    on: {
      async 'shop.banyanAlarm'(alarm, { sql }) {
        await sql`select 1`;
        heard.push(alarm);
      },
    },
    background: {
      history: (context) =>
        createProjection(storeOf(context), history, { database: context, pollMs: 20 }).run(context.signal),
    },
  });
  const metrics = createMetrics();
  const running = await startTestSystem(
    t,
    system('lagging', { services: [shopService, service(front, { uses: { shop }, operations: {} })] }),
    {
      harsh: false,
      metrics,
    },
  );
  const client = running.client(shop, { service: 'front' });
  for (let order = 0; order < 3; order += 1) await client.place({ orderId: String(order) });
  await until(() => heard.length === 1);
  const [broken] = heard;
  assert.deepEqual(
    { ...broken, ageMs: 0 },
    { invariant: 'readers', state: 'broken', ageMs: 0, boundMs: 60_000, count: 3, reader: 'history' },
  );
  assert.ok((broken?.ageMs ?? 0) >= 120_000, `${broken?.ageMs} ms`);
  const figureOf = (name: string) =>
    Number(
      new RegExp(`^${name}\\{service="shop",reader="history"\\} (.*)$`, 'm').exec(metrics.render())?.[1],
    );
  assert.equal(figureOf('banyan_reader_lag'), 3);
  assert.ok(figureOf('banyan_reader_behind_seconds') >= 120);
  assert.equal(figureOf('banyan_reader_overdue'), 1);
  const readers = async () => {
    const parts = await running.hosts[0]?.health();
    return parts?.find(({ part }) => part === 'shop')?.readers?.map(({ behindMs, ...rest }) => rest);
  };
  assert.deepEqual(await readers(), [{ name: 'history', onTime: false, lag: 3 }]);
  gate.resolve();
  await until(() => heard.length === 2);
  assert.deepEqual(heard[1], {
    ...{ invariant: 'readers', state: 'restored', ageMs: 0, boundMs: 60_000, count: 0, reader: 'history' },
  });
  assert.equal(figureOf('banyan_reader_overdue'), 0);
  assert.deepEqual(await readers(), [{ name: 'history', onTime: true, lag: 0 }]);
});
