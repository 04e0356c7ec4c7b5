import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError, uuidv7 } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';
import { createMessage } from '@banyan/events';
// Relative imports: pure functions, whose faults cannot be brought about from outside in less than seven days.
import { checkOutClaim } from '../src/claim-check.ts';
import type { EventHandlerContext } from '../src/event-context.ts';
import { isFinalError } from '../src/final-errors.ts';
import { createMessageDirectory } from '../src/message-directory.ts';
import { messageSubscriptions } from '../src/message-subscriptions.ts';
import { createSending } from '../src/sending.ts';
import { shop, stock, stockService } from './fixtures/market/market.ts';

const nowMs = Date.parse('2026-01-02T03:04:05.000Z');
const runtime = {
  contract: shop,
  clock: createManualClock(nowMs),
  directory: createMessageDirectory(shop, { stock }),
  callbacks: {
    check: (url: string) => assert.equal(url, 'https://hooks.example.com/'),
    deliver: () => assert.fail('nothing is delivered while sending'),
  },
} as unknown as Parameters<typeof createSending>[0];
const context = {
  trace: { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: false },
  caller: { service: 'gateway' },
} as Parameters<typeof createSending>[1];
const data = { orderId: 'o-1', quantity: 1 };
const send = (name: string, options = {}) => createSending(runtime, context, { name, data, options });

test('a message to nobody says what there is', () => {
  assert.throws(() => send('payments.charge'), {
    name: 'TypeError',
    message:
      /send\('payments\.charge'\): service 'shop' knows no such message; it has stock\.reserve, stock\.note, stock\.step/,
  });
  assert.throws(() => send('stock.release'), { name: 'TypeError', message: /it has stock\.reserve/ });
});

test('wrong data fails the sender, not the addressee', () => {
  const wrong = { name: 'stock.note', data: { orderId: 'o-1', quantity: 'two' } };
  assert.throws(() => createSending(runtime, context, wrong), {
    code: 'invalid_argument',
    reason: 'invalid_input',
  });
});

test('a message is due after its delay, or at its time, and expires some time after that', () => {
  assert.equal(send('stock.note').dueAtMs, undefined);
  assert.equal(send('stock.note', { delayMs: 1_000 }).dueAtMs, nowMs + 1_000);
  assert.equal(send('stock.note', { at: '2026-01-02T03:05:05Z' }).dueAtMs, nowMs + 60_000);
  assert.equal(send('stock.note', { at: '2020-01-02T03:05:05Z' }).dueAtMs, undefined);
  const late = send('stock.reserve', { delayMs: 60_000, expiresInMs: 60_000 });
  assert.equal(late.event.banyanexpires, '2026-01-02T03:06:05.000Z');
  assert.equal(late.request?.expiresInMs, 120_000);
  assert.equal(send('stock.note').event.banyanexpires, undefined);
});

test('options that cannot be meant are refused', () => {
  const refused: [object, RegExp][] = [
    [{ delayMs: 1, at: '2026-01-02T03:05:05Z' }, /not both/],
    [{ delayMs: -1 }, /'delayMs'/],
    [{ delayMs: Number.NaN }, /'delayMs'/],
    [{ at: 'tomorrow' }, /'at' is a time.*tomorrow/],
    [{ expiresInMs: 0 }, /'expiresInMs'/],
    [{ expiresInMs: Number.POSITIVE_INFINITY }, /'expiresInMs'/],
    [{ callback: 'https://hooks.example.com/' }, /one-way: declare its 'reply'/],
  ];
  for (const [options, message] of refused)
    assert.throws(() => send('stock.note', options), { name: 'TypeError', message });
});

test('what is one-way has nothing to remember, what is answered remembers whom to tell', () => {
  assert.equal(send('stock.note').request, undefined);
  assert.equal(send('stock.note').event.banyanreplyto, undefined);
  const { event, request } = send('stock.reserve', { callback: 'https://hooks.example.com/' });
  assert.equal(event.banyanreplyto, 'shop');
  assert.partialDeepStrictEqual(request, {
    id: event.id,
    about: 'stock.reserve',
    callback: 'https://hooks.example.com/',
  });
});

test('data that is not kept any more is a clear dead letter', async () => {
  const message = createMessage({
    service: 'shop',
    to: 'stock',
    name: 'note',
    type: 'NoteDown',
    key: 'o-1',
    data: null,
    occurredAtMs: nowMs,
    wantsReply: false,
  });
  const claims = { put: async () => {}, get: async () => undefined };
  const fetching = checkOutClaim({ claims }, { ...message, dataref: `banyan:claims/${uuidv7()}` });
  await assert.rejects(fetching, (error: unknown) => {
    assert.ok(error instanceof ServiceError && error.reason === 'claim_expired', String(error));
    assert.match(error.message, /data of NoteDown is not kept any more/);
    assert.ok(isFinalError(error));
    return true;
  });
});

test('a reference that leads elsewhere is not followed', async () => {
  const message = send('stock.note').event;
  const claims = { put: async () => {}, get: () => assert.fail('nothing is fetched') };
  const fetching = checkOutClaim({ claims }, { ...message, dataref: 'http://169.254.169.254/latest' });
  await assert.rejects(fetching, { reason: 'claim_expired' });
});

test('a message of a service that may not call is set aside', async () => {
  const topic = '@stock.note';
  const { event } = send('stock.note');
  const run = (callers: readonly string[]) =>
    messageSubscriptions(stockService)
      .get(topic)
      ?.run({
        handling: { event, outgoing: [] },
        runtime: { ...runtime, contract: stock, callers: new Set(callers) },
        sql: Object.assign(async () => [], { rows: () => [] }),
      } as unknown as EventHandlerContext);
  await assert.rejects(async () => run(['gateway']), { reason: 'caller_not_allowed' });
  await run(['gateway', 'shop']);
});
