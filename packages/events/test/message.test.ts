import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  askForAnswers,
  createEvent,
  createMessage,
  createReply,
  isExpired,
  parseEvent,
  topicOf,
} from '@banyan/events';

const request = createMessage({
  service: 'orders',
  to: 'stock',
  name: 'reserve',
  type: 'ReserveStock',
  key: 'o-1',
  data: { orderId: 'o-1' },
  occurredAtMs: Date.parse('2026-01-02T03:04:05.000Z'),
  wantsReply: true,
  expiresAtMs: Date.parse('2026-01-02T03:05:05.000Z'),
  caller: { service: 'gateway', user: { id: 'user-1', scopes: ['customer'] } },
});

test('a message carries originator, request, data and what the platform needs', () => {
  assert.equal(request.source, '/services/orders');
  assert.equal(request.type, 'ReserveStock');
  assert.deepEqual(request.data, { orderId: 'o-1' });
  assert.equal(request.subject, 'o-1');
  assert.equal(request.banyanto, 'stock');
  assert.equal(request.banyanreplyto, 'orders');
  assert.equal(request.banyanexpires, '2026-01-02T03:05:05.000Z');
  assert.equal(request.banyanuser, 'user-1');
  assert.equal(topicOf(request), '@stock.reserve');
});

test('a message without its originator, addressee, data or name is refused', () => {
  for (const name of ['source', 'data', 'id', 'type', 'banyanname'] as const) {
    const { [name]: _left, ...without } = request;
    assert.throws(
      () => parseEvent(without),
      (error: Error & { reason?: string; details?: readonly string[] }) => {
        assert.equal(error.reason, 'invalid_event');
        assert.ok(
          error.details?.some((fault) => fault.startsWith(`${name}:`)),
          String(error.details),
        );
        return true;
      },
    );
  }
  // Without an addressee the name must be one of the source's own: it would be an event.
  const { banyanto: _to, ...unaddressed } = request;
  assert.throws(() => parseEvent(unaddressed), { reason: 'invalid_event', message: /banyanname/ });
});

test('a reply goes back to the sender, names the request and keeps its key', () => {
  const reply = createReply({
    service: 'stock',
    type: 'ReserveStockReply',
    data: { left: 3 },
    request,
    occurredAtMs: Date.parse('2026-01-02T03:04:06.000Z'),
  });
  assert.equal(topicOf(reply), '@orders.replies');
  assert.equal(reply.source, '/services/stock');
  assert.equal(reply.banyanrequest, request.id);
  assert.equal(reply.causationid, request.id);
  assert.equal(reply.correlationid, request.id);
  assert.equal(reply.subject, 'o-1');
  assert.notEqual(reply.id, request.id);
});

test('a message to which nobody wants a reply cannot be answered', () => {
  const { banyanreplyto: _replyTo, ...oneWay } = request;
  const answer = { service: 'stock', type: 'ReserveStockReply', data: {}, occurredAtMs: 0 };
  assert.throws(() => createReply({ ...answer, request: oneWay }), { reason: 'invalid_event' });
});

test('a message expires at its time, not before, and one without a time never', () => {
  const atMs = Date.parse('2026-01-02T03:05:05.000Z');
  assert.equal(isExpired(request, atMs - 1), false);
  assert.equal(isExpired(request, atMs), true);
  const { banyanexpires: _expires, ...lasting } = request;
  assert.equal(isExpired(lasting, Number.MAX_SAFE_INTEGER), false);
});

test('an event that asks for answers is still an event', () => {
  const asked = createEvent({
    service: 'orders',
    name: 'priceAsked',
    type: 'PriceAsked',
    key: 'mug',
    data: { sku: 'mug' },
    occurredAtMs: 0,
  });
  const asking = askForAnswers(asked, 'orders', 1_000);
  assert.equal(topicOf(asking), 'orders.priceAsked');
  assert.equal(asking.id, asked.id);
  assert.equal(asking.banyanreplyto, 'orders');
  assert.equal(asking.banyanexpires, '1970-01-01T00:00:01.000Z');
});
