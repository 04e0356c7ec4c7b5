import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import {
  createElasticsearch,
  createEventStore,
  createPostgresSearch,
  createSearchProjection,
  defineSearchProjection,
  type RunningSearchProjection,
  type SearchEngine,
} from '@banyan/event-store';
import { describeSearchEngine } from '@banyan/event-store/testing';
import { noSearchServer, searchUrl } from '@banyan/test-support/search-server';
import { until } from '@banyan/testing';
import { createEventDatabase } from './event-database.ts';
import { cancelled, orderEvents, placed } from './order-events.ts';
import { startSearchServer } from './search-server.ts';

describeSearchEngine('PostgreSQL', async (t) =>
  createPostgresSearch((await createEventDatabase(t)).database),
);
describeSearchEngine('Elasticsearch', async (t) =>
  createElasticsearch({ url: (await startSearchServer(t)).url }),
);

/** Of names that are a test's alone, also on a server that others use; what has them is removed after it. */
function ownPrefix(t: Pick<TestContext, 'after'>, url: string): string {
  const prefix = `test-${randomBytes(6).toString('hex')}-`;
  // The stand-in may be gone by then.
  t.after(() => fetch(new URL(`/${prefix}*`, url), { method: 'DELETE' }).catch(() => {}));
  return prefix;
}

describe('on a real server', { skip: noSearchServer }, () => {
  describeSearchEngine('OpenSearch', async (t) =>
    createElasticsearch({ url: searchUrl ?? '', prefix: ownPrefix(t, searchUrl ?? '') }),
  );
});

const fields = { item: 'text', status: 'keyword' } as const;
const orders = (version = 1) =>
  defineSearchProjection(orderEvents, {
    name: 'orders',
    version,
    fields,
    types: ['OrderPlaced', 'OrderCancelled', 'OrderDelivered'],
    evolve(document, { type, data }) {
      if (type === 'OrderPlaced') return { item: `${data.item} times ${data.quantity}`, status: 'open' };
      return type === 'OrderDelivered' ? undefined : { ...document, status: 'cancelled' };
    },
  });

function start(t: TestContext, projection: RunningSearchProjection<typeof fields>): () => Promise<void> {
  const control = new AbortController();
  const running = projection.run(control.signal);
  const stop = () => {
    control.abort();
    return running;
  };
  t.after(stop);
  return stop;
}

const fast = { leaseMs: 400, pollMs: 20 };
const idsOf = async (projection: RunningSearchProjection<typeof fields>, request: object) =>
  (await projection.search(request)).hits.map(({ id }) => id);

test('what is appended is found, on PostgreSQL, and the lag says how far it is', async (t) => {
  const { database } = await createEventDatabase(t);
  const store = createEventStore({ database, events: orderEvents });
  const engine = createPostgresSearch(database);
  const projection = createSearchProjection(store, orders(), { ...fast, database, engine });
  for (let index = 0; index < 20; index += 1) await store.append(`order-${index}`, [placed(index + 1)]);
  assert.ok((await projection.lag()).positions >= 20);
  start(t, projection);
  await until(async () => (await projection.lag()).positions === 0);
  assert.deepEqual(await idsOf(projection, { text: 'mug 7' }), ['order-6']);
  await store.append('order-6', [cancelled]);
  await store.append('order-7', [{ type: 'OrderDelivered', data: {} }]);
  await until(async () => (await projection.search({ where: { status: 'cancelled' } })).total === 1);
  await until(async () => (await projection.search({})).total === 19);
  const next = createSearchProjection(store, orders(2), { ...fast, database, engine });
  start(t, next);
  await until(async () => (await engine.liveVersion('orders')) === 2);
  assert.equal((await next.search({})).total, 19);
});

test('a search engine that fails loses nothing, and events that come again change nothing', async (t) => {
  const { database } = await createEventDatabase(t);
  const server = await startSearchServer(t);
  const store = createEventStore({ database, events: orderEvents });
  const real = createElasticsearch({ url: server.url });
  let crashes = 0;
  // Dies after it has written and before the place in the log has moved on, again and again.
  const engine: SearchEngine = Object.assign(Object.create(real) as SearchEngine, {
    get: real.get.bind(real),
    has: real.has.bind(real),
    prepare: real.prepare.bind(real),
    liveVersion: real.liveVersion.bind(real),
    refresh: real.refresh.bind(real),
    search: real.search.bind(real),
    switchTo: real.switchTo.bind(real),
    async put(...parameters: Parameters<SearchEngine['put']>) {
      await real.put(...parameters);
      crashes += 1;
      if (crashes % 2 === 1) throw new Error('the process died here');
    },
  });
  const counting = defineSearchProjection(orderEvents, {
    ...orders(),
    evolve: (document, { type }) => ({ item: `${document?.item ?? ''}${type[5]}`, status: 'x' }),
  });
  for (let index = 0; index < 10; index += 1) await store.append(`order-${index % 3}`, [placed(), cancelled]);
  server.failNext('/_bulk', 503);
  const projection = createSearchProjection(store, counting, { ...fast, database, engine, pageSize: 7 });
  start(t, projection);
  await until(async () => (await projection.lag()).positions === 0);
  await real.refresh({ ...counting });
  const { hits } = await projection.search({});
  assert.deepEqual(
    hits.map(({ id, values }) => [id, values.item]),
    [
      ['order-0', 'PCPCPCPC'],
      ['order-1', 'PCPCPC'],
      ['order-2', 'PCPCPC'],
    ],
  );
});

test('an index that is lost is built anew from the log', async (t) => {
  const { database } = await createEventDatabase(t);
  const server = await startSearchServer(t);
  const store = createEventStore({ database, events: orderEvents });
  const engine = createElasticsearch({ url: server.url, prefix: 'shop-' });
  for (let index = 0; index < 30; index += 1) await store.append(`order-${index}`, [placed(index + 1)]);
  const projection = createSearchProjection(store, orders(), { ...fast, database, engine });
  const stop = start(t, projection);
  await until(async () => (await projection.lag()).positions === 0);
  await engine.refresh(orders());
  const before = await projection.search({ limit: 100 });
  assert.equal(before.total, 30);
  await stop();
  server.wipe();
  await assert.rejects(projection.search({}), { code: 'unavailable', reason: 'search_index_missing' });
  const rebuilt = createSearchProjection(store, orders(2), { ...fast, database, engine });
  start(t, rebuilt);
  await until(async () => (await rebuilt.lag()).positions === 0);
  await engine.refresh(orders(2));
  assert.deepEqual(await rebuilt.search({ limit: 100 }), before);
});

test('an index that is lost under a running projection is made and filled again, and never by guesses of the engine', async (t) => {
  const standIn = (await startSearchServer(t)).url;
  for (const url of [standIn, ...(searchUrl === undefined ? [] : [searchUrl])]) {
    const prefix = ownPrefix(t, url);
    const engine = createElasticsearch({ url, prefix });
    const loseIndex = () => fetch(new URL(`/${prefix}orders_v1`, url), { method: 'DELETE' });
    const { database } = await createEventDatabase(t);
    const store = createEventStore({ database, events: orderEvents });
    for (let index = 0; index < 10; index += 1) await store.append(`order-${index}`, [placed(index + 1)]);
    const lost = { code: 'failed_precondition', reason: 'search_index_lost' };
    await assert.rejects(engine.put(orders(), [{ id: 'x', revision: 0, values: {} }]), lost);
    const projection = createSearchProjection(store, orders(), { ...fast, database, engine });
    const stop = start(t, projection);
    const isComplete = (count: number) => async () => {
      await engine.refresh(orders()).catch(() => {});
      const { total } = await projection.search({}).catch(() => ({ total: -1 }));
      return total === count && (await projection.lag()).positions === 0;
    };
    await until(isComplete(10));
    // By the next event.
    await loseIndex();
    await store.append('order-10', [placed(11)]);
    await until(isComplete(11));
    assert.deepEqual(await idsOf(projection, { text: 'mug 7' }), ['order-6']);
    // And without one.
    await loseIndex();
    await until(isComplete(11));
    // And while nobody is there.
    await stop();
    await loseIndex();
    start(t, createSearchProjection(store, orders(), { ...fast, database, engine }));
    await until(isComplete(11));
  }
});

test('an engine that is not there, or refuses, says which', async (t) => {
  const server = await startSearchServer(t);
  const gone = createElasticsearch({ url: 'http://127.0.0.1:1' });
  await assert.rejects(gone.liveVersion('orders'), { code: 'unavailable', reason: 'search_unavailable' });
  const engine = createElasticsearch({ url: server.url });
  server.failNext('/_alias/orders', 500);
  await assert.rejects(engine.liveVersion('orders'), { reason: 'search_unavailable' });
  server.failNext('/_alias/orders', 403);
  await assert.rejects(engine.liveVersion('orders'), { reason: 'search_refused' });
  assert.throws(() => defineSearchProjection(orderEvents, { ...orders(), name: 'orders_v1' }), TypeError);
  assert.throws(() => defineSearchProjection(orderEvents, { ...orders(), version: 0 }), TypeError);
});
