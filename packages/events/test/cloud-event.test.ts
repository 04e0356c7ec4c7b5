import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type CloudEvent,
  createEvent,
  decodeEvent,
  encodeEvent,
  maxEventBytes,
  orderingKeyOf,
  parseEvent,
  serviceOfEvent,
  userOfEvent,
} from '@banyan/events';
import fc from 'fast-check';
import { sampleEvent } from './samples.ts';

const full = {
  service: 'payments',
  name: 'captured',
  type: 'PaymentCaptured',
  key: 'order-1',
  data: { orderId: 'order-1' },
  occurredAtMs: Date.parse('2026-02-03T04:05:06.789Z'),
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  caller: { service: 'gateway', user: { id: 'user-1', scopes: ['orders:read', 'orders:write'] } },
};

test('an event has the CloudEvents 1.0 shape and the extension attributes', () => {
  const { id, ...event } = createEvent(full);
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(event, {
    specversion: '1.0',
    source: '/services/payments',
    type: 'PaymentCaptured',
    subject: 'order-1',
    time: '2026-02-03T04:05:06.789Z',
    datacontenttype: 'application/json',
    banyanname: 'payments.captured',
    traceparent: full.traceparent,
    banyancaller: 'gateway',
    banyanuser: 'user-1',
    banyanscopes: 'orders:read orders:write',
    data: { orderId: 'order-1' },
  });
});

test('who emitted it, for whom and in which order can be read from it', () => {
  const event = createEvent(full);
  assert.equal(serviceOfEvent(event), 'payments');
  assert.deepEqual(userOfEvent(event), full.caller.user);
  assert.equal(userOfEvent(sampleEvent('a')), undefined);
  const withoutScopes = createEvent({ ...full, caller: { service: 'x', user: { id: 'u', scopes: [] } } });
  assert.deepEqual(userOfEvent(withoutScopes), { id: 'u', scopes: [] });
  assert.equal(orderingKeyOf(event), 'payments/order-1');
});

test('an event knows its cause and the first event of the chain', () => {
  const first = createEvent(full);
  const second = createEvent({ ...full, cause: first });
  const third = createEvent({ ...full, cause: second });
  assert.deepEqual([first.causationid, first.correlationid], [undefined, undefined]);
  assert.deepEqual([second.causationid, second.correlationid], [first.id, first.id]);
  assert.deepEqual([third.causationid, third.correlationid], [second.id, first.id]);
});

test('an encoded event parses to itself, whatever JSON its data is', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ minLength: 1, unit: 'grapheme' }), (data, key) => {
      fc.pre(!/\p{Cc}/u.test(key) && key.length <= 512);
      const event = createEvent({ ...full, data, key });
      const text = encodeEvent(event);
      assert.deepEqual(parseEvent(JSON.parse(text)), JSON.parse(text));
    }),
  );
});

test('attributes of others are dropped', () => {
  const event = createEvent(full);
  assert.deepEqual(parseEvent({ ...event, comexampleextension: 'x', dataschema: 'y' }), event);
});

test('faults are all named at once', () => {
  const { id, ...event } = createEvent(full);
  assert.throws(
    () => parseEvent({ ...event, source: 'orders', time: 'yesterday' }),
    (error: unknown) => {
      const { code, reason, details } = error as { code: string; reason: string; details: readonly string[] };
      assert.deepEqual([code, reason], ['invalid_argument', 'invalid_event']);
      assert.deepEqual(
        details.map((fault) => fault.split(':')[0]),
        ['id', 'source', 'time', 'banyanname'],
      );
      assert.equal(typeof id, 'string');
      return true;
    },
  );
});

const hostile: readonly Partial<Record<keyof CloudEvent, unknown>>[] = [
  { specversion: '0.3' },
  { id: 'not-a-uuid' },
  { id: `${'0'.repeat(36)}\n` },
  { source: '/services/../admin' },
  { source: '/services/payments/x' },
  { type: '' },
  { type: 'a\r\nb' },
  { subject: '' },
  { subject: 'a\0b' },
  { subject: 'half \ud800 pair' },
  { subject: 'x'.repeat(513) },
  { subject: 17 },
  { time: '2026-02-30T99:00:00Z' },
  { time: '2026-02-03T04:05:06+01:00' },
  { datacontenttype: 'text/xml' },
  { data: undefined },
  { banyanname: 'orders.captured' },
  { banyanname: 'payments.captured.x' },
  { traceparent: '00-xyz' },
  { banyanuser: 'a\nb' },
  { banyanscopes: ['admin'] },
  { causationid: {} },
  { correlationid: 'x' },
];

for (const attributes of hostile) {
  test(`refuses ${JSON.stringify(attributes).slice(0, 80)}`, () => {
    assert.throws(() => parseEvent({ ...createEvent(full), ...attributes }), { reason: 'invalid_event' });
  });
}

test('anything that is no event is refused with invalid_event', () => {
  const attributes = fc.record(
    Object.fromEntries(Object.keys(createEvent(full)).map((name) => [name, fc.anything()])),
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(fc.anything(), attributes), (value) => {
      assert.throws(() => parseEvent(value), { reason: 'invalid_event' });
    }),
  );
});

test('an event with a key that cannot be carried is refused when it is made', () => {
  for (const key of ['', 'a\0', '\ud800', 'x'.repeat(513)]) {
    assert.throws(() => createEvent({ ...full, key }), { code: 'invalid_argument', reason: 'invalid_event' });
  }
});

test('an event counts its bytes, not its characters', () => {
  const sizeOf = (data: unknown) => Buffer.byteLength(JSON.stringify({ ...createEvent(full), data }));
  const room = maxEventBytes - sizeOf('');
  const fitting = createEvent({ ...full, data: 'ä'.repeat(Math.floor(room / 2)) });
  assert.ok(Buffer.byteLength(encodeEvent(fitting)) <= maxEventBytes);
  const large = createEvent({ ...full, data: 'ä'.repeat(Math.floor(room / 2) + 1) });
  assert.throws(() => encodeEvent(large), { reason: 'event_too_large' });
  // Another program may have written it.
  assert.deepEqual(decodeEvent(JSON.stringify(large)), large);
});

test('data that is no JSON is refused', () => {
  assert.throws(() => encodeEvent(createEvent({ ...full, data: { amount: 1n } })), {
    reason: 'invalid_event',
  });
});

test('decoding takes and refuses what parsing does, whatever an attribute holds', () => {
  const whole = createEvent({
    service: 'orders',
    name: 'placed',
    type: 'OrderPlaced',
    key: 'o-1',
    data: { value: 1 },
    occurredAtMs: 0,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    caller: { service: 'shop', user: { id: 'ann', scopes: ['a', 'b'] } },
  });
  const message = { ...whole, banyanto: 'stock', banyanname: 'stock.reserve', causationid: whole.id };
  const odd: readonly unknown[] = [
    undefined,
    null,
    1,
    '',
    'x',
    'a\u0000b',
    '\ud800',
    'x'.repeat(600),
    '2026-02-30T00:00:00Z',
    '2026-02-31T10:00:00.123Z',
    '2026-13-01T00:00:00Z',
    '2026-12-01T24:00:00Z',
    '/services/other',
    '/services/',
    'orders.',
    'order.placed',
    'orders.placed.more',
    'ordersX.placed',
    whole.id.toUpperCase(),
    [],
    {},
  ];
  const outcome = (decode: () => unknown) => {
    try {
      return { event: decode() };
    } catch (error) {
      return { details: (error as { details: unknown }).details };
    }
  };
  for (const event of [whole, message]) {
    for (const name of [...Object.keys(event), 'unknown', '__proto__']) {
      for (const value of odd) {
        const text = JSON.stringify({ ...event, [name]: value });
        assert.deepEqual(
          outcome(() => decodeEvent(text)),
          outcome(() => parseEvent(JSON.parse(text))),
          text,
        );
      }
    }
  }
  assert.deepEqual(decodeEvent(encodeEvent(whole)), whole);
  assert.deepEqual(decodeEvent(encodeEvent(message)), message);
  assert.throws(() => decodeEvent('{ no json'), { code: 'invalid_argument', reason: 'invalid_event' });
});
