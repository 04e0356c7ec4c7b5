import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { runMenu } from './support/running-menu.ts';

const seed = Number(process.env['BANYAN_SEED'] ?? Date.now() % 2 ** 31);
process.stdout.write(`BANYAN_SEED=${seed}\n`);

/** Twenty fragments, each with the next one twice: a million fields. */
const bomb = `{ order(orderId: "1") { ...f0 } } ${Array.from(
  { length: 20 },
  (_, index) =>
    `fragment f${index} on Order { consumer { latest { orders { ...f${index + 1} ...f${index + 1} } } } }`,
).join(' ')} fragment f20 on Order { orderId }`;

/** The same without fields in between. */
const flatBomb = `{ order(orderId: "1") { ...f0 } } ${Array.from(
  { length: 20 },
  (_, index) => `fragment f${index} on Order { ...f${index + 1} ...f${index + 1} }`,
).join(' ')} fragment f20 on Order { orderId }`;

const deep = (levels: number): string =>
  levels === 0 ? 'orderId' : `consumer { latest { orders { ${deep(levels - 1)} } } }`;

const refused: Readonly<Record<string, readonly [query: string, reason: string]>> = {
  'too deep': [`{ order(orderId: "1") { ${deep(10)} } }`, 'query_too_large'],
  'fragments that grow': [bomb, 'query_too_large'],
  'fragments that grow without fields': [flatBomb, 'query_too_large'],
  'fragments in a circle': [
    '{ order(orderId: "1") { ...a } } fragment a on Order { ...b } fragment b on Order { ...a }',
    'query_too_large',
  ],
  'inline fragments in each other': [
    `{ order(orderId: "1") { ${'... on Order { '.repeat(200)} orderId ${'} '.repeat(200)} } }`,
    'query_too_large',
  ],
  'many aliases': [
    `{ ${Array.from({ length: 51 }, (_, index) => `a${index}: order(orderId: "1") { orderId }`).join(' ')} }`,
    'query_too_large',
  ],
  'many fields': [`{ order(orderId: "1") { ${'orderId '.repeat(501)} } }`, 'query_too_large'],
  'many words': [`{ order(orderId: "1") { ${'orderId '.repeat(2_001)} } }`, 'query_refused'],
  'a long text': [`{ order(orderId: "${'x'.repeat(20_000)}") { orderId } }`, 'query_too_large'],
  'brackets without end': ['{'.repeat(1_900), 'query_too_large'],
  'lists without end': [`{ order(orderId: ${'['.repeat(1_900)}`, 'query_too_large'],
  'many directives': [
    `{ order(orderId: "1") ${'@include(if: true) '.repeat(300)} { orderId } }`,
    'query_refused',
  ],
  'a mutation': ['mutation { cancelOrder(orderId: "1") { orderId } }', 'query_refused'],
  'a subscription': ['subscription { order(orderId: "1") { orderId } }', 'query_refused'],
  'an unknown field': ['{ password }', 'query_refused'],
  'an argument that is left out': ['{ order { orderId } }', 'query_refused'],
  'no query': ['', 'query_refused'],
};

suite('hostile queries', () => {
  for (const [what, [query, reason]] of Object.entries(refused)) {
    test(`are refused before anything is asked: ${what}`, async (t) => {
      const running = await runMenu(t);
      const startedMs = performance.now();
      const { status, data, errors } = await running.ask(query);
      assert.equal(status, 200);
      assert.equal(data ?? null, null);
      assert.equal(errors[0].extensions.reason, reason, JSON.stringify(errors).slice(0, 500));
      assert.ok(JSON.stringify(errors).length < 1_000);
      assert.ok(performance.now() - startedMs < 30_000);
      assert.deepEqual(running.calls, []);
    });
  }

  test('cause at most so many calls, and have what came before', async (t) => {
    const running = await runMenu(t, {
      options: { limits: { maxCalls: 10 } },
      handlers: {
        listOrders: () => ({
          orders: Array.from({ length: 500 }, (_, index) => ({
            ...{ orderId: `o-${index}`, state: 'OPEN', total: { amount: 1, currency: 'EUR' } },
            ...{ lines: [], note: null, labels: {}, consumerId: `c-${index}` },
          })),
        }),
      },
    });
    const { data, errors } = await running.ask('{ orders { orders { consumer { name } } } }');
    assert.equal(running.calls.length, 10);
    const found = data.orders.orders.filter(({ consumer }: { consumer: unknown }) => consumer !== null);
    assert.equal(found.length, 9);
    assert.equal(errors.length, 491);
    assert.equal(errors[0].extensions.reason, 'too_many_calls');
  });

  test('that show few calls in each other many times are given up', async (t) => {
    const running = await runMenu(t);
    const startedMs = performance.now();
    // Three calls, and 500 × 500 × 500 orders.
    const { status, data, errors } = await running.ask(`{ orders(count: 500) { orders { consumer {
      latest(count: 500) { orders { consumer { latest(count: 500) { orders { orderId } } } } } } } } }`);
    const tookMs = performance.now() - startedMs;
    assert.deepEqual([status, data], [200, undefined]);
    assert.deepEqual(
      errors.map(({ extensions }: { extensions: { reason: string } }) => extensions.reason),
      ['answer_too_large'],
    );
    // Nobody could wait for 125 million orders.
    assert.ok(tookMs < 60_000, `${tookMs} ms`);
    // What is a list of plain values counts as well.
    const wide = await running.ask(
      `{ ${Array.from({ length: 40 }, (_, index) => `a${index}: orders(count: 500) { orders { orderId state note labels } }`).join(' ')} }`,
    );
    assert.equal(wide.errors[0].extensions.reason, 'answer_too_large');
  });

  test('that are no requests are refused as any other body', async (t) => {
    const running = await runMenu(t);
    for (const query of [undefined, 7, null, ['{ order }'], { query: '{ order }' }]) {
      const { status, reason } = await running.ask(query);
      assert.equal(status, 400);
      assert.equal(reason, 'invalid_input');
    }
    const { status } = await running.ask('{ orders { orders { orderId } } }', { variables: [1] });
    assert.equal(status, 400);
    const get = await fetch(`${running.url}/graphql?query={orders{orders{orderId}}}`);
    assert.equal(get.status, 405);
    // A form of another site can send neither JSON nor this without asking first.
    const form = await fetch(`${running.url}/graphql`, {
      method: 'POST',
      body: new URLSearchParams({ query: '{ orders }' }),
    });
    assert.equal(form.status, 415);
  });

  test('of any text are answered, never with a fault', async (t) => {
    const running = await runMenu(t);
    const piece = fc.oneof(
      fc.constantFrom(
        '{',
        '}',
        '(',
        ')',
        ' orders ',
        ' order',
        '(orderId: "1")',
        ' ...',
        ' on Order ',
        ' fragment f ',
        '"',
        '"""',
      ),
      fc.constantFrom(
        '$v',
        ': Int',
        ' @skip(if: $v)',
        ' __typename ',
        ' query ',
        ' consumer ',
        ' name ',
        '[',
        ']',
        '!',
        ' null ',
        '#',
        '\n',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 20 }), async (pieces) => {
        const { status, errors } = await running.ask(
          `{ order(orderId: "1") { orderId ${pieces.join('')} } }`,
        );
        assert.equal(status, 200);
        for (const { extensions } of errors ?? []) assert.notEqual(extensions.code, 'internal');
      }),
      { numRuns: 500, seed },
    );
  });
});
