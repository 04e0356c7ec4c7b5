import assert from 'node:assert/strict';
import test from 'node:test';
import { binary, createHttpBinding, expandLocation, inputValidator, operation } from '@banyan/contract';
import fc from 'fast-check';
import { z } from 'zod';

const Search = z.object({
  shop: z.string(),
  page: z.int().optional(),
  minPrice: z.number().optional(),
  inStock: z.boolean().optional(),
  tags: z.array(z.string()).optional(),
  sizes: z.array(z.number()).optional(),
  sort: z.enum(['price', 'name']).optional(),
  rank: z.literal([1, 2, 'best', null]).optional(),
  limit: z.number().nullable().optional(),
});
const search = createHttpBinding(
  operation('GET /shops/:shop/products', { input: Search, output: z.object({}) }),
);
const place = createHttpBinding(
  operation('PUT /shops/:shop/orders/:number', {
    input: z.object({ shop: z.string(), number: z.int(), note: z.string().optional() }),
    output: z.object({}),
  }),
);

test('path and query texts become what the schema says they are', () => {
  assert.deepEqual(
    search.toInput(
      { shop: 'a b' },
      'page=2&minPrice=1.5e1&inStock=false&tags=x&tags=y&sizes=3&sort=price&rank=1&limit=null',
      undefined,
    ),
    {
      shop: 'a b',
      page: 2,
      minPrice: 15,
      inStock: false,
      tags: ['x', 'y'],
      sizes: [3],
      sort: 'price',
      rank: 1,
      limit: null,
    },
  );
  assert.deepEqual(search.toInput({ shop: 's' }, new URLSearchParams({ rank: 'best' }), undefined), {
    shop: 's',
    rank: 'best',
  });
});

test('a text that is no value of its type is left for validation to refuse', () => {
  for (const query of [
    'page=',
    'page=0x10',
    'page= 1',
    'page=1_0',
    'minPrice=Infinity',
    'minPrice=NaN',
    'inStock=1',
    'inStock=TRUE',
    'page=1&page=2',
    'sizes=1&sizes=two',
  ]) {
    const input = search.toInput({ shop: 's' }, query, undefined);
    assert.throws(
      () => inputValidator(operation('GET /x/:shop', { input: Search, output: z.object({}) })).parse(input),
      { code: 'invalid_argument', reason: 'invalid_input' },
      query,
    );
  }
});

test('the path wins over a field of the same name in query and body', () => {
  assert.deepEqual(search.toInput({ shop: 'mine' }, 'shop=yours', { shop: 'theirs' }), { shop: 'mine' });
  assert.deepEqual(
    place.toInput({ shop: 'mine', number: '7' }, 'note=q', { shop: 'yours', number: 8, note: 'n' }),
    {
      shop: 'mine',
      number: 7,
      note: 'n',
    },
  );
});

test('a body that is no JSON object is refused', () => {
  for (const body of [null, [], 'text', 5, true]) {
    assert.throws(() => place.toInput({ shop: 's', number: '1' }, '', body), {
      code: 'invalid_argument',
      reason: 'invalid_body',
    });
  }
  assert.deepEqual(place.toInput({ shop: 's', number: '1' }, '', undefined), { shop: 's', number: 1 });
});

test('__proto__ in query or body never reaches a prototype', () => {
  const fromQuery = search.toInput({ shop: 's' }, '__proto__=x&__proto__=y&constructor=z', undefined);
  assert.equal(Object.getPrototypeOf(fromQuery), Object.prototype);
  assert.deepEqual(Object.keys(fromQuery as object).sort(), ['__proto__', 'constructor', 'shop']);
  const body: unknown = JSON.parse('{"__proto__":{"admin":true},"note":"n"}');
  const fromBody = place.toInput({ shop: 's', number: '1' }, '', body);
  assert.equal(Object.getPrototypeOf(fromBody), Object.prototype);
  assert.equal((fromBody as { admin?: boolean }).admin, undefined);
});

test('values that cannot be a path segment are refused', () => {
  for (const shop of ['', '.', '..', '\ud800', undefined, null, 5, ['a'], {}]) {
    assert.throws(() => search.toRequest({ shop }), { code: 'invalid_argument', reason: 'invalid_input' });
  }
  for (const input of [undefined, null, [], 'text', 5]) {
    assert.throws(() => search.toRequest(input), { code: 'invalid_argument', reason: 'invalid_input' });
  }
});

test('a query value of a type that the schema does not allow is refused, because the text would change its type', () => {
  for (const wrong of [
    { page: '5' },
    { inStock: 'true' },
    { tags: [5] },
    { minPrice: Number.NaN },
    { sort: 1 },
    { tags: 'x' },
  ]) {
    assert.throws(() => search.toRequest({ shop: 's', ...wrong }), { reason: 'invalid_input' });
  }
});

test('an unknown field travels by name only', () => {
  assert.equal(search.toRequest({ shop: 's', secret: { deep: true } }).query, 'secret=');
});

test('an upload leaves the body to the bytes', () => {
  const upload = createHttpBinding(
    operation('POST /photos/:album', {
      input: z.object({ album: z.string(), title: z.string() }),
      output: z.object({}),
      upload: binary({ types: ['image/png'] }),
    }),
  );
  assert.deepEqual(upload.toRequest({ album: 'a/b', title: 'x&y' }), {
    path: '/photos/a%2Fb',
    query: 'title=x%26y',
    body: undefined,
    headers: {},
  });
});

test('every valid input survives the way into a request and back', () => {
  const text = fc.string({ unit: 'grapheme' });
  const segment = text.filter((value) => value !== '' && value !== '.' && value !== '..');
  const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0 || 0);
  const input = fc.record(
    {
      shop: segment,
      page: fc.integer(),
      minPrice: number,
      inStock: fc.boolean(),
      tags: fc.array(text),
      sizes: fc.array(number),
      sort: fc.constantFrom('price', 'name'),
      rank: fc.constantFrom(1, 2, 'best', null),
      limit: fc.option(number, { nil: null }),
    },
    { requiredKeys: ['shop'], noNullPrototype: true },
  );
  fc.assert(
    fc.property(input, (value) => {
      const { path, query } = search.toRequest(value);
      const shop = decodeURIComponent(path.split('/')[2] ?? '');
      assert.deepStrictEqual(search.toInput({ shop }, query, undefined), value);
      assert.deepStrictEqual(
        search.toInput({ shop }, new URL(`http://x${path}?${query}`).searchParams, undefined),
        value,
      );
    }),
  );
  fc.assert(
    fc.property(segment, fc.integer(), fc.option(text, { nil: undefined }), (shop, number, note) => {
      const value = note === undefined ? { shop, number } : { shop, number, note };
      const { path, query, body } = place.toRequest(value);
      assert.equal(query, '');
      const [, , inPath = '', , numberInPath = ''] = path.split('/');
      const wire: unknown = JSON.parse(JSON.stringify(body));
      assert.deepStrictEqual(
        place.toInput({ shop: decodeURIComponent(inPath), number: numberInPath }, '', wire),
        value,
      );
    }),
  );
});

test('Location is expanded from the output', () => {
  const created = operation('POST /orders', {
    input: z.object({}),
    output: z.object({ orderId: z.string() }),
    location: '/orders/{orderId}',
  });
  assert.equal(expandLocation(created, { orderId: 'a/b c' }), '/orders/a%2Fb%20c');
  assert.equal(expandLocation(created, { orderId: '..' }), undefined);
  assert.equal(expandLocation(created, {}), undefined);
  assert.equal(
    expandLocation(operation('POST /x', { input: z.object({}), output: z.object({}) }), {}),
    undefined,
  );
});

test('a field that comes from a header is read from and written to that header alone', () => {
  const Page = z.object({ page: z.int().optional(), accept: z.string().optional() });
  const list = createHttpBinding(
    operation('GET /list', { input: Page, headers: { accept: 'accept' }, output: z.object({}) }),
  );
  assert.deepEqual(list.toInput({}, 'page=2&accept=query', undefined, { accept: 'text/html', other: 'x' }), {
    page: 2,
    accept: 'text/html',
  });
  assert.deepEqual(list.toInput({}, 'accept=query', undefined, {}), {});
  assert.deepEqual(list.toInput({}, 'accept=query', undefined), {});
  assert.deepEqual(list.toRequest({ page: 2, accept: 'text/html' }), {
    path: '/list',
    query: 'page=2',
    body: undefined,
    headers: { accept: 'text/html' },
  });
  assert.throws(() => list.toRequest({ accept: 'a\r\nb: c' }), { reason: 'invalid_input' });
  const save = createHttpBinding(
    operation('POST /save', {
      input: z.object({ name: z.string(), prefer: z.string().optional() }),
      headers: { prefer: 'prefer' },
      output: z.object({}),
    }),
  );
  assert.deepEqual(save.toInput({}, '', { name: 'n', prefer: 'body' }, { prefer: 'return=minimal' }), {
    name: 'n',
    prefer: 'return=minimal',
  });
  const { body, headers } = save.toRequest({ name: 'n', prefer: 'return=minimal' });
  assert.deepEqual({ body, headers }, { body: { name: 'n' }, headers: { prefer: 'return=minimal' } });
});
