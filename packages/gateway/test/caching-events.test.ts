import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { contract, event, operation } from '@banyan/contract';
import { silentLogger, systemClock } from '@banyan/core';
import { createEvent, type EventLog, toEncodedEvent } from '@banyan/events';
import { expose } from '@banyan/gateway';
import { createDatabase, migrate, openPostgresEventLog, platformMigrations } from '@banyan/postgres';
import { createTestDatabase, lastFirst, startTestServer } from '@banyan/testing';
import { z } from 'zod';
import { runShop, until } from './support/running-shop.ts';

const menus = contract('menus', {
  version: '1.0.0',
  operations: {
    getMenu: operation('GET /restaurants/:restaurantId/menu', {
      input: z.object({ restaurantId: z.string() }),
      output: z.object({ revision: z.number() }),
    }),
    listMenus: operation('GET /menus', {
      input: z.object({}),
      output: z.object({ revision: z.number() }),
    }),
  },
  events: {
    revised: event('MenuRevised', { data: z.object({ restaurantId: z.string() }), key: 'restaurantId' }),
  },
});

const rule = { maxAgeS: 3_600, purgedBy: ['revised'] };

interface Restaurant {
  revision: number;
}

function runReplica(t: TestContext, log: EventLog, restaurant: Restaurant) {
  return runShop(t, {
    contract: menus,
    gateway: {
      expose: [
        expose(menus, {
          getMenu: { access: 'anyone', cache: rule },
          listMenus: { access: 'anyone', cache: rule },
        }),
      ],
      userTokens: { issuer: 'none', audience: 'none', keys: [menus, 'listMenus'] } as never,
    },
    handlers: { getMenu: () => restaurant, listMenus: () => restaurant },
    edge: { log },
  });
}

async function openLog(t: TestContext) {
  const { url, database } = await createTestDatabase(t);
  await migrate(database, platformMigrations.platform, { scope: 'banyan' });
  const open = async () => {
    const own = createDatabase({ url, maxConnections: 3 });
    const log = await openPostgresEventLog(own, { clock: systemClock, logger: silentLogger });
    lastFirst(t).after(async () => {
      await log.close();
      await own.close();
    });
    return log;
  };
  return { url, open };
}

function revise(log: EventLog, restaurantId: string): Promise<void> {
  const revised = createEvent({
    service: 'menus',
    name: 'revised',
    type: 'MenuRevised',
    key: restaurantId,
    data: { restaurantId },
    occurredAtMs: Date.now(),
  });
  return log.publish([toEncodedEvent(revised)]);
}

async function get(url: string, path: string) {
  const answer = await fetch(`${url}${path}`);
  const { revision } = (await answer.json()) as { readonly revision: number };
  const from = (answer.headers.get('cache-status') ?? '').replace(/; ttl=.*/, '');
  return { revision, from, control: answer.headers.get('cache-control') };
}

/** Asked twice, the second answer comes from the cache once the replica stands at the end of the log. */
async function untilCached(url: string, path: string): Promise<void> {
  await until(async () => (await get(url, path)).from === 'banyan; hit', 'answers are kept');
}

test('an event of the service purges the answers that it is about within a second, on every replica', async (t) => {
  const { open } = await openLog(t);
  const restaurant = { revision: 1 };
  const log = await open();
  const replicas = [
    await runReplica(t, await open(), restaurant),
    await runReplica(t, await open(), restaurant),
  ];
  const paths = ['/restaurants/7/menu', '/restaurants/8/menu', '/menus'];
  for (const { url } of replicas) for (const path of paths) await untilCached(url, path);
  // One event in three, should the machine itself stall.
  let tookMs = Number.POSITIVE_INFINITY;
  for (let revision = 2; revision <= 4 && tookMs >= 1_000; revision += 1) {
    restaurant.revision = revision;
    const startedMs = performance.now();
    await revise(log, '7');
    for (const { url } of replicas) {
      await until(
        async () => (await get(url, '/restaurants/7/menu')).revision === revision,
        'the menu is the new one',
      );
      // A list has no restaurant in its path: any event outdates it.
      await until(async () => (await get(url, '/menus')).revision === revision, 'the list is the new one');
      assert.equal((await get(url, '/restaurants/8/menu')).from, 'banyan; hit');
      assert.equal((await get(url, '/menus')).control, 'public, no-cache');
    }
    tookMs = performance.now() - startedMs;
  }
  assert.ok(tookMs < 1_000, `it took ${tookMs} ms on both replicas`);
});

test('an answer that was on its way when the event came is not kept', async (t) => {
  const { open } = await openLog(t);
  const log = await open();
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  const restaurant = { revision: 1 };
  const server = await runShop(t, {
    contract: menus,
    gateway: {
      expose: [expose(menus, { getMenu: { access: 'anyone', cache: rule } })],
      userTokens: { issuer: 'none', audience: 'none', keys: [menus, 'listMenus'] } as never,
    },
    handlers: {
      async getMenu({ restaurantId }: { restaurantId: string }) {
        const { revision } = restaurant;
        if (restaurantId === '8') return { revision };
        asked += 1;
        if (asked === 1) await gate.promise;
        return { revision };
      },
    },
    edge: { log: await open() },
  });
  await untilCached(server.url, '/restaurants/8/menu');
  const late = get(server.url, '/restaurants/7/menu');
  await until(() => asked === 1, 'the old menu was read');
  restaurant.revision = 2;
  await revise(log, '7');
  // Whoever asks before the event is heard waits for the old one, too.
  const asking: ReturnType<typeof get>[] = [];
  await until(() => {
    asking.push(get(server.url, '/restaurants/7/menu'));
    return asked === 2;
  }, 'a new call is made');
  gate.resolve();
  assert.equal((await late).revision, 1);
  await Promise.all(asking);
  assert.equal((await get(server.url, '/restaurants/7/menu')).revision, 2);
});

test('while events cannot be heard nothing is given that they could have purged; afterwards all is new', async (t) => {
  const { url: databaseUrl, open } = await openLog(t);
  const restaurant = { revision: 1 };
  const { url } = await runReplica(t, await open(), restaurant);
  await untilCached(url, '/restaurants/7/menu');
  const admin = createDatabase({ url: (await startTestServer()).url, maxConnections: 1 });
  lastFirst(t).after(() => admin.close());
  const name = new URL(databaseUrl).pathname.slice(1);
  const { sql } = admin;
  await sql`alter database ${sql.identifier(name)} allow_connections false`;
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
  await until(
    async () => (await get(url, '/restaurants/7/menu')).from === 'banyan; fwd=bypass',
    'it is noticed',
  );
  restaurant.revision = 2;
  assert.equal((await get(url, '/restaurants/7/menu')).revision, 2);
  await sql`alter database ${sql.identifier(name)} allow_connections true`;
  await untilCached(url, '/restaurants/7/menu');
  assert.equal((await get(url, '/restaurants/7/menu')).revision, 2);
});
