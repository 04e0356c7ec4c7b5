import { service } from '@banyan/chassis';
import { contract, counter, event, gauge, histogram, onRefusal, operation } from '@banyan/contract';
import { z } from 'zod';

const Payment = z.object({ paymentId: z.string(), orderId: z.string(), cents: z.number().int() });
const payments = contract('payments', {
  version: '1.0.0',
  operations: {
    authorize: operation('POST /payments', {
      input: z.object({ orderId: z.string(), cents: z.number() }),
      output: Payment,
      errors: { cardDeclined: { status: 402, data: z.object({ why: z.string() }) }, closed: { status: 409 } },
    }),
  },
  events: { captured: event('PaymentCaptured', { data: Payment, key: 'orderId' }) },
});
const orders = contract('orders', {
  version: '1.0.0',
  operations: {
    place: operation('POST /orders', {
      input: z.object({ sku: z.string(), quantity: z.coerce.number() }),
      output: z.object({ orderId: z.string() }),
    }),
  },
  events: { placed: event('OrderPlaced', { data: z.object({ orderId: z.string() }), key: 'orderId' }) },
  metrics: {
    placed: counter('Orders placed.', { labels: { payment: ['card', 'cash'], gift: ['yes', 'no'] } }),
    lines: counter('Lines of orders.'),
    waiting: gauge('Orders that wait.', { labels: { shelf: ['a', 'b'] } }),
    value: histogram('What an order costs.', { unit: 'euros', buckets: [1, 10] }),
  },
});

service(payments, {
  operations: {
    async authorize({ orderId, cents }, { fail }) {
      if (cents > 100) fail('cardDeclined', { why: 'limit' });
      if (cents < 0) fail('closed');
      // @ts-expect-error the refusal declares data
      if (cents === 0) fail('cardDeclined');
      // @ts-expect-error no such refusal
      if (cents === 1) fail('other');
      return { paymentId: 'p', orderId, cents };
    },
  },
});

service(orders, {
  uses: { payments },
  config: z.object({ maxQuantity: z.number().int().default(10) }),
  operations: {
    async place({ quantity }, { call, tx, config }) {
      const limit: number = config.maxQuantity;
      const payment = await call.payments.authorize({ orderId: 'x', cents: quantity * limit });
      return tx(async ({ sql, emit, metrics }) => {
        const [row] = await sql<{
          orderId: string;
        }>`insert into orders values (${payment.cents}) returning order_id`;
        // @ts-expect-error rows have camelCase keys
        await sql<{ order_id: string }>`select order_id from orders`;
        // @ts-expect-error a leading underscore stays, the other does not
        await sql<{ _order_id: string }>`select _order_id from orders`;
        await sql<{ _id: string; line_1: string; orderId: string }>`select _id, line_1, order_id from orders`;
        emit('placed', { orderId: row?.orderId ?? '' });
        // @ts-expect-error wrong data
        emit('placed', { orderid: '' });
        metrics.placed.inc({ payment: 'card', gift: 'no' });
        metrics.placed.inc({ payment: 'cash', gift: 'yes' }, 2);
        metrics.lines.inc();
        metrics.lines.inc(3);
        metrics.waiting.set({ shelf: 'a' }, 7);
        metrics.value.observe(12.5);
        // @ts-expect-error the contract declares no such metric
        metrics.refused?.inc();
        // @ts-expect-error no such value
        metrics.placed.inc({ payment: 'cheque', gift: 'no' });
        // @ts-expect-error one label is missing
        metrics.placed.inc({ payment: 'card' });
        // @ts-expect-error no such label
        metrics.placed.inc({ payment: 'card', gift: 'no', colour: 'red' });
        // @ts-expect-error a counter is not set
        metrics.lines.set?.(3);
        // @ts-expect-error a histogram is given a value
        metrics.value.observe();
        return { orderId: 'x' };
      });
    },
  },
  on: {
    'payments.captured': async ({ orderId, cents }, { sql, emit }) => {
      await sql`update orders set paid = ${cents} where id = ${orderId}`;
      emit('placed', { orderId });
    },
    'orders.placed': async ({ orderId }, { log }) => log.info(orderId),
    'payments.banyanAlarm': async ({ invariant, ageMs }, { log }) => {
      const kind: 'outbox' | 'consumer' | 'sagas' | 'readers' | 'flows' = invariant;
      log.error(kind, { minutes: ageMs / 60_000 });
    },
    // @ts-expect-error unknown event
    'payments.nope': async () => {},
  },
});
// @ts-expect-error wrong output
service(orders, { operations: { place: async () => ({ orderIdd: '' }) } });

const { authorize } = payments.operations;
const answered = onRefusal(authorize, 'cardDeclined', ({ why }) => why.length);
const length: number = answered(new Error());
export const used = length;
onRefusal(authorize, 'closed', (details) => {
  const nothing: undefined = details;
  return nothing;
});
// @ts-expect-error the operation declares no such refusal
onRefusal(authorize, 'other', () => {});
