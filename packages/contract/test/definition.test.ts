import assert from 'node:assert/strict';
import test from 'node:test';
import {
  binary,
  contract,
  dataValidator,
  event,
  message,
  type Operation,
  operation,
  platformEvents,
  replyValidator,
  type Schema,
  typebox,
} from '@banyan/contract';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { z } from 'zod';

const Empty = z.object({});
const Ref = z.object({ orderId: z.string() });

/** Each definition, and words that its error must have: what is wrong and what to do. */
function refuses(cases: readonly (readonly [define: () => unknown, text: RegExp])[]): void {
  for (const [define, text] of cases) {
    assert.throws(define, (error: unknown) => {
      assert.ok(error instanceof TypeError, String(error));
      assert.match(error.message, text);
      return true;
    });
  }
}
const get = (path: string, input: Schema = Empty) => operation(`GET /${path}`, { input, output: Empty });

test('a path that no request could match is refused', () => {
  refuses([
    [() => operation('FETCH /x' as 'GET /x', { input: Empty, output: Empty }), /METHOD one of GET/],
    [() => operation('GET x' as 'GET /x', { input: Empty, output: Empty }), /METHOD \/path/],
    [() => get('a b'), /METHOD \/path/],
    [() => get('orders/'), /operation\('GET \/orders\/'\): remove the trailing slash/],
    [() => get('a//b'), /empty segment/],
    [() => get('a/../b'), /'\.\.'/],
    [() => get('a?b'), /letters, digits/],
    [() => get(':', Ref), /':name'/],
    [() => get(':order-id', Ref), /':name'/],
    [() => get('x:orderId', Ref), /letters, digits/],
    [() => get(':orderId/:orderId', Ref), /twice/],
    [() => get('metrics'), /platform/],
  ]);
  assert.equal(get('').path, '/');
});

test('a path name must be a required text or number of the input', () => {
  refuses([
    [() => get('orders/:id', Ref), /':id', which the input lacks.*has orderId/],
    [() => get(':a', z.object({ a: z.string().optional() })), /must not be optional/],
    [() => get(':a', z.object({ a: z.string().default('x') })), /must not be optional/],
    [() => get(':a', z.object({ a: z.boolean() })), /string, a number/],
    [() => get(':a', z.object({ a: z.array(z.string()) })), /string, a number/],
    [() => get(':a', z.object({ a: z.string().nullable() })), /one type only/],
    [() => get(':a', z.object({ a: z.object({}) })), /flatten/],
  ]);
  assert.deepEqual(
    get('x/:a/:b/:c', z.object({ a: z.int(), b: z.enum(['x', 'y']), c: z.literal([1, 2]) })).pathNames,
    ['a', 'b', 'c'],
  );
});

test('an input that cannot travel in a query is refused', () => {
  refuses([
    [() => get('x', z.object({ a: z.object({ b: z.string() }) })), /'a' travels in the query.*flatten/],
    [() => get('x', z.object({ a: z.array(z.object({})) })), /'a'.*elements.*flatten/],
    [() => get('x', z.object({ a: z.array(z.array(z.string())) })), /array of arrays/],
    [() => get('x', z.object({ a: z.union([z.string(), z.number()]) })), /one type only/],
    [() => get('x', z.object({ a: z.literal(['1', 1]) })), /'1'/],
    [() => get('x', z.object({ a: z.union([z.string(), z.array(z.string())]) })), /always use an array/],
    [() => get('x', z.object({ a: z.unknown() })), /no type/],
    [() => get('x', z.looseObject({})), /declared fields only/],
    [
      () =>
        operation('POST /x', {
          input: z.object({ a: z.object({}) }),
          output: Empty,
          upload: binary({ types: ['image/png'] }),
        }),
      /'a' travels in the query/,
    ],
  ]);
  const nested = z.object({ a: z.object({ b: z.unknown() }) });
  assert.equal(operation('POST /x', { input: nested, output: Empty }).method, 'POST');
});

test('a header that is unknown, reserved or no optional string is refused', () => {
  const input = z.object({ id: z.string(), accept: z.string().optional(), count: z.number().optional() });
  const declare = (headers: Record<string, string>) => () =>
    operation('GET /things/:id', { input, headers, output: z.object({}) });
  assert.doesNotThrow(declare({ accept: 'accept' }));
  assert.throws(declare({ missing: 'accept' }), /the input lacks/);
  assert.throws(declare({ id: 'x-id' }), /in the path/);
  assert.throws(declare({ accept: 'Accept' }), /lower case/);
  assert.throws(declare({ count: 'x-count' }), /optional string/);
  for (const header of [
    'authorization',
    'cookie',
    'host',
    'content-type',
    'banyan-user',
    'x-forwarded-host',
  ]) {
    assert.throws(declare({ accept: header }), /reads the header/);
  }
});

test('an input that is no object is refused', () => {
  for (const input of [z.string(), z.array(z.string()), z.union([z.object({}), z.string()])]) {
    refuses([[() => operation('POST /x', { input, output: Empty }), /must be an object schema/]]);
  }
  const either = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('card'), number: z.string() }),
    z.object({ kind: z.literal('wallet'), token: z.string() }),
  ]);
  assert.equal(operation('POST /x', { input: either, output: Empty }).method, 'POST');
});

test('a schema without JSON Schema is refused, with what to use instead', () => {
  const bare: Schema = { '~standard': { version: 1, vendor: 'acme', validate: (value) => ({ value }) } };
  refuses([
    [() => get('x', bare), /operation\('GET \/x'\): input: Schemas of 'acme'.*zod 4/],
    [() => get('x', {} as Schema), /not a Standard Schema/],
    [() => get('x', null as unknown as Schema), /not a Standard Schema/],
    [
      () => operation('GET /x', { input: Empty, output: z.object({ at: z.date() }) }),
      /output.*Date.*RFC 3339/,
    ],
    [
      () =>
        operation('GET /x', { input: Empty, output: Empty, errors: { gone: { status: 404, data: bare } } }),
      /data of the error 'gone'/,
    ],
    [() => event('Happened', { data: z.object({ n: z.bigint(), k: z.string() }), key: 'k' }), /data.*BigInt/],
    [() => get('x', typebox(Compile(Type.Object({ n: Type.BigInt() })))), /bigint/],
  ]);
});

test('bytes contradict some methods, locations and statuses', () => {
  const image = binary({ types: ['image/png'] });
  refuses([
    [() => operation('GET /x', { input: Empty, output: Empty, upload: image }), /POST or PUT/],
    [() => operation('DELETE /x', { input: Empty, output: Empty, upload: image }), /POST or PUT/],
    [
      () => operation('POST /x', { input: Empty, output: Empty, upload: binary({ types: ['image/*'] }) }),
      /for downloads/,
    ],
    [() => operation('POST /x', { input: Empty, output: image, location: '/x/{id}' }), /output is bytes/],
    [() => operation('GET /x', { input: Empty, output: image, status: 204 }), /no body/],
    [() => operation('POST /x', { input: Empty, output: Ref, status: 204 }), /no body/],
    [() => binary({ types: [] }), /at least one/],
    [() => binary({ types: ['png'] }), /media type/],
    [() => binary({ types: ['image/png'], maxBytes: 0 }), /maxBytes/],
  ]);
});

test('a location may name required fields of the output only', () => {
  const create = (location: string, output: Schema = Ref) =>
    operation('POST /x', { input: Empty, output, location });
  refuses([
    [() => create('/orders/{id}'), /\{id\}.*the output has orderId/],
    [() => create('orders/{orderId}'), /write 'location' as a path/],
    [() => create('/orders/{}'), /write 'location' as a path/],
    [() => create('/orders/{orderId}', z.object({ orderId: z.string().optional() })), /required/],
    [() => create('/orders/{orderId}', z.object({ orderId: z.array(z.string()) })), /string or number/],
  ]);
  assert.equal(create('/orders/{orderId}').status, 201);
});

test('a declared error has a camelCase name of its own and a status of the 400s', () => {
  const refusal = (name: string, status: number) =>
    operation('GET /x', { input: Empty, output: Empty, errors: { [name]: { status } } });
  refuses([
    [() => refusal('soldOut', 399), /400 to 499/],
    [() => refusal('soldOut', 500), /400 to 499/],
    [() => refusal('soldOut', 404.5), /400 to 499/],
    [() => refusal('sold_out', 409), /camelCase/],
    [() => refusal('sold-out', 409), /camelCase/],
    [() => refusal('unavailable', 409), /platform's own/],
    [() => refusal('internal', 409), /platform's own/],
  ]);
});

test('a timeout that no timer can keep is refused', () => {
  for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
    refuses([[() => operation('GET /x', { input: Empty, output: Empty, timeoutMs }), /timeoutMs/]]);
  }
});

test('calls can be balanced by texts and numbers of the input, and asked for twice only where that does no harm', () => {
  const post = (options: Partial<Pick<Operation, 'balance' | 'hedge' | 'idempotent'>>) =>
    operation('POST /x', { input: Ref, output: Empty, ...options });
  refuses([
    [() => post({ balance: { field: 'cartId' } }), /names 'cartId'.*the input has orderId/],
    [
      () =>
        operation('POST /x', {
          input: z.object({ all: z.array(z.string()) }),
          output: Empty,
          balance: { field: 'all' },
        }),
      /must be a string or number/,
    ],
    [() => post({ balance: 'fastest' as 'user' }), /'balance' must be/],
    [() => post({ hedge: true }), /say that it is idempotent/],
    [
      () => operation('GET /x', { input: Empty, output: binary({ types: ['image/png'] }), hedge: true }),
      /streams are not sent twice/,
    ],
  ]);
  const declared = post({ balance: { field: 'orderId' }, hedge: true, idempotent: true });
  assert.deepEqual(declared.balance, { field: 'orderId' });
  assert.equal(post({}).balance, 'least_requests');
});

test('an event needs a PascalCase type and a required string as key', () => {
  const keyed = (key: string, data: Schema) => event('OrderPlaced', { data, key });
  refuses([
    [() => event('order.placed', { data: Ref, key: 'orderId' }), /event\('order\.placed'\).*PascalCase/],
    [() => keyed('id', Ref), /key 'id'.*has orderId/],
    [() => keyed('orderId', z.object({ orderId: z.string().optional() })), /required string/],
    [() => keyed('orderId', z.object({ orderId: z.number() })), /required string/],
    [() => keyed('orderId', z.object({ orderId: z.string().nullable() })), /required string/],
    [() => keyed('orderId', z.array(z.string())), /object schema/],
  ]);
  assert.equal(keyed('orderId', z.object({ orderId: z.string().default('x') })).key, 'orderId');
});

test('a contract refuses bad names, bad versions and what clashes', () => {
  const one = get('orders/:orderId', Ref);
  const define = (name: string, version = '1.0.0', operations: Record<string, Operation> = { one }) =>
    contract(name, { version, operations });
  const placed = event('OrderPlaced', { data: Ref, key: 'orderId' });
  refuses([
    ...['', 'Orders', 'orderHistory', 'my orders', '-x', 'x_y', '9x', 'x'.repeat(51)].map(
      (name) => [() => define(name), /the name must/] as const,
    ),
    ...['1', '1.0', 'v1.0.0', '01.0.0', '', 'latest'].map(
      (version) => [() => define('x', version), /semantic version/] as const,
    ),
    [() => define('x', '1.0.0', { 'get-order': one }), /contract 'x'.*'get-order' in camelCase/],
    [() => define('x', '1.0.0', { GetOrder: one }), /camelCase/],
    [() => define('x', '1.0.0', { one: {} as Operation }), /make 'one' with operation/],
    [
      () => define('x', '1.0.0', { one, two: get('orders/:id', z.object({ id: z.string() })) }),
      /operations one, two have the same route/,
    ],
    [
      () => contract('x', { version: '1.0.0', operations: {}, events: { placed, again: placed } }),
      /events placed, again/,
    ],
    [
      () => contract('x', { version: '1.0.0', operations: {}, events: { 'was-placed': placed } }),
      /camelCase/,
    ],
  ]);
  const made = contract('print-orders', {
    version: '1.0.0-rc.1+build.5',
    operations: { one },
    events: { placed },
  });
  assert.deepEqual([made.operations.one.service, made.operations.one.name], ['print-orders', 'one']);
  assert.deepEqual([made.events.placed.service, made.events.placed.name], ['print-orders', 'placed']);
});

test('types catch what they can before it runs', () => {
  refuses([
    // @ts-expect-error the key is not a field of data
    [() => event('OrderPlaced', { data: Ref, key: 'id' }), /required string/],
    // @ts-expect-error no such method
    [() => operation('FETCH /x', { input: Empty, output: Empty }), /METHOD/],
    // @ts-expect-error the path lacks its slash
    [() => operation('GET x', { input: Empty, output: Empty }), /METHOD/],
    // @ts-expect-error 418 is no status of success
    [() => operation('GET /x/', { input: Empty, output: Empty, status: 418 }), /slash/],
    // @ts-expect-error text is no schema
    [() => operation('GET /x', { input: 'text', output: Empty }), /not a Standard Schema/],
  ]);
});

test('a message that could not be sent, ordered or answered is refused', () => {
  const reserve = message('ReserveStock', { data: Ref, key: 'orderId', reply: Empty });
  const withMessages = (messages: Record<string, typeof reserve>) => () =>
    contract('stock', { version: '1.0.0', operations: {}, messages });
  refuses([
    [() => message('reserveStock', { data: Ref, key: 'orderId' }), /message\('reserveStock'\).*PascalCase/],
    [() => message('ReserveStock', { data: Ref, key: 'id' as 'orderId' }), /required string.*has orderId/],
    [
      () => message('ReserveStock', { data: Ref, key: 'orderId', reply: z.bigint() }),
      /message\('ReserveStock'\): reply: .*BigInt/,
    ],
    [() => event('Asked', { data: Ref, key: 'orderId', answer: z.bigint() }), /answer: .*BigInt/],
    [withMessages({ 're-serve': reserve }), /name the message 're-serve' in camelCase/],
    [withMessages({ replies: reserve }), /platform uses '@replies' itself: rename/],
    [withMessages({ reserve, hold: reserve }), /messages reserve, hold have the same type/],
    [
      withMessages({ reserve: event('StockReserved', { data: Ref, key: 'orderId' }) as never }),
      /make 'reserve' with message\(\.\.\.\)/,
    ],
  ]);
});

test('a message knows its addressee, and what comes back has a validator only if it is declared', () => {
  const reserve = message('ReserveStock', { data: Ref, key: 'orderId', reply: z.object({ left: z.int() }) });
  const forget = message('ForgetStock', { data: Ref, key: 'orderId' });
  const { messages } = contract('stock', { version: '1.0.0', operations: {}, messages: { reserve, forget } });
  assert.deepEqual([messages.reserve.service, messages.reserve.name], ['stock', 'reserve']);
  assert.deepEqual(replyValidator(messages.reserve).parse({ left: 2, more: true }), { left: 2 });
  assert.throws(() => replyValidator(messages.forget), {
    name: 'TypeError',
    message: /message 'stock\.forget' declares no reply/,
  });
});

test('the events of the platform belong to every service, so a contract cannot declare them', () => {
  const mine = event('OrderPlaced', { data: Ref, key: 'orderId' });
  const withEvents = (events: Record<string, typeof mine>) => () =>
    contract('orders', { version: '1.0.0', operations: {}, events });
  refuses([
    [
      withEvents({ banyanAlarm: mine }),
      /contract 'orders': .*'banyanAlarm' from the platform already.*rename/,
    ],
    [
      withEvents({ alarm: event('BanyanAlarm', { data: Ref, key: 'orderId', anyName: true }) }),
      /'alarm' from the platform/,
    ],
  ]);
  assert.doesNotThrow(withEvents({ alarm: mine }));
});

test('an alarm has what it says and nothing else', () => {
  const { banyanAlarm } = platformEvents('orders');
  assert.deepEqual([banyanAlarm.service, banyanAlarm.name], ['orders', 'banyanAlarm']);
  const alarm = { invariant: 'outbox', state: 'broken', ageMs: 30_000.5, boundMs: 30_000, count: 2 } as const;
  const validator = dataValidator(banyanAlarm);
  assert.deepEqual(validator.parse({ ...alarm, later: true }), alarm);
  const behind = { ...alarm, invariant: 'readers', reader: 'order_history' } as const;
  assert.deepEqual(validator.parse(behind), behind);
  const refused: readonly (readonly [value: unknown, path: string])[] = [
    [{ ...alarm, invariant: 'inbox' }, '/invariant'],
    [{ ...alarm, state: undefined }, '/state'],
    [{ ...alarm, ageMs: '1' }, '/ageMs'],
    [{ ...alarm, ageMs: Number.NaN }, '/ageMs'],
    [{ ...alarm, boundMs: -1 }, '/boundMs'],
    [{ ...alarm, count: 1.5 }, '/count'],
    [{ ...alarm, reader: 7 }, '/reader'],
    [null, '/invariant'],
    ['outbox', '/invariant'],
    [[], '/invariant'],
  ];
  for (const [value, path] of refused) {
    assert.throws(
      () => validator.parse(value),
      (error: { reason?: string; details?: { issues: readonly { path: string }[] } }) => {
        assert.deepEqual([error.reason, error.details?.issues[0]?.path], ['invalid_input', path]);
        return true;
      },
    );
  }
});
