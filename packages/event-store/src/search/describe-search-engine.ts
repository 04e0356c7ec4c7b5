import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { IndexVersion, SearchEngine, SearchRequest } from './search-index.ts';

/** What every `SearchEngine` promises. `create` makes an empty one for each test. */
export function describeSearchEngine(name: string, create: (t: TestContext) => Promise<SearchEngine>): void {
  const index: IndexVersion = {
    name: 'orders',
    version: 1,
    fields: { title: 'text', note: 'text', status: 'keyword' },
  };
  const later: IndexVersion = { ...index, version: 2 };
  const put = async (
    engine: SearchEngine,
    at: IndexVersion,
    ...documents: Parameters<SearchEngine['put']>[1]
  ) => {
    await engine.put(at, documents);
    await engine.refresh(at);
  };
  const find = async (engine: SearchEngine, request: SearchRequest) =>
    (await engine.search(index, request)).hits.map(({ id }) => id);

  describe(`${name} as a search engine`, () => {
    test('finds documents by all words, in any text field, whatever the case', async (t) => {
      const engine = await create(t);
      await engine.prepare(index);
      await put(
        engine,
        index,
        { id: 'a', revision: 0, values: { title: 'Chicken Vindaloo', note: 'very hot', status: 'open' } },
        { id: 'b', revision: 0, values: { title: 'Chicken Korma', status: 'closed' } },
      );
      assert.deepEqual(await find(engine, { text: 'vindaloo' }), ['a']);
      assert.deepEqual(await find(engine, { text: 'CHICKEN hot' }), ['a']);
      assert.deepEqual((await find(engine, { text: 'chicken' })).sort(), ['a', 'b']);
      assert.deepEqual(await find(engine, { text: 'chick' }), []);
      assert.deepEqual(await find(engine, { text: 'open' }), []);
    });

    test('filters by exact values, and pages with a total', async (t) => {
      const engine = await create(t);
      await engine.prepare(index);
      const ids = ['a', 'b', 'c', 'd', 'e'];
      await put(
        engine,
        index,
        ...ids.map((id) => ({ id, revision: 0, values: { title: 'tea', status: id === 'c' ? 'x y' : 'z' } })),
      );
      assert.deepEqual(await find(engine, { where: { status: 'x y' } }), ['c']);
      assert.deepEqual(await find(engine, { where: { status: 'x' } }), []);
      const second = await engine.search(index, { text: 'tea', where: { status: 'z' }, limit: 2, offset: 2 });
      assert.equal(second.total, 4);
      assert.deepEqual(
        second.hits.map(({ id }) => id),
        ['d', 'e'],
      );
      assert.deepEqual(second.hits[0]?.values, { title: 'tea', status: 'z' });
    });

    test('an older revision never replaces a newer one, and a removed document is not found but known', async (t) => {
      const engine = await create(t);
      await engine.prepare(index);
      await put(engine, index, { id: 'a', revision: 5, values: { title: 'new' } });
      await put(engine, index, { id: 'a', revision: 4, values: { title: 'old' } });
      assert.deepEqual((await engine.get(index, ['a', 'b'])).get('a'), {
        id: 'a',
        revision: 5,
        values: { title: 'new' },
      });
      await put(engine, index, { id: 'a', revision: 6, values: undefined });
      assert.deepEqual(await find(engine, {}), []);
      const known = await engine.get(index, ['a', 'b']);
      assert.deepEqual([...known], [['a', { id: 'a', revision: 6, values: undefined }]]);
    });

    test('a version is built beside the live one and switched to at once', async (t) => {
      const engine = await create(t);
      assert.equal(await engine.liveVersion('orders'), undefined);
      assert.equal(await engine.has(index), false);
      await engine.prepare(index);
      await engine.prepare(index);
      await put(engine, index, { id: 'a', revision: 0, values: { title: 'first' } });
      await engine.prepare(later);
      await put(engine, later, { id: 'b', revision: 0, values: { title: 'second' } });
      assert.equal(await engine.liveVersion('orders'), 1);
      assert.deepEqual([await engine.has(index), await engine.has(later)], [true, true]);
      assert.deepEqual(await find(engine, {}), ['a']);
      await engine.switchTo(later);
      await engine.switchTo(later);
      assert.equal(await engine.liveVersion('orders'), 2);
      assert.deepEqual(await find(engine, {}), ['b']);
      await engine.remove(later);
      assert.deepEqual(await find(engine, {}), ['b']);
      await engine.remove(index);
      await engine.remove(index);
      assert.deepEqual([await engine.has(index), await engine.has(later)], [false, true]);
    });

    test('hostile words and values are only words and values', async (t) => {
      const engine = await create(t);
      await engine.prepare(index);
      await put(engine, index, {
        id: `a'"<&|!>\\`,
        revision: 0,
        values: { title: `drop '; -- & table`, status: '*' },
      });
      assert.deepEqual(await find(engine, { text: `'; drop & table | !x:*` }), []);
      assert.deepEqual(await find(engine, { text: `'; DROP & (table) -- ` }), [`a'"<&|!>\\`]);
      assert.deepEqual(await find(engine, { text: `' & | ! :* <-> ( ) \\ "` }), [`a'"<&|!>\\`]);
      assert.deepEqual(await find(engine, { where: { status: '*' } }), [`a'"<&|!>\\`]);
    });

    test('what an index cannot give is refused', async (t) => {
      const engine = await create(t);
      await engine.prepare(index);
      const refused = { code: 'invalid_argument', reason: 'search_invalid' };
      for (const request of [
        { limit: 0 },
        { limit: 1_001 },
        { offset: -1 },
        { offset: 10_000 },
        { where: { title: 'tea' } },
        { where: { other: 'x' } },
        { text: 'x'.repeat(501) },
      ]) {
        await assert.rejects(engine.search(index, request), refused);
      }
    });
  });
}
