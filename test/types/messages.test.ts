import { service, type Tx } from '@banyan/chassis';
import { contract, event, message, operation } from '@banyan/contract';
import { z } from 'zod';

const Item = z.object({ orderId: z.string(), quantity: z.coerce.number() });
const stock = contract('stock', {
  version: '1.0.0',
  operations: {},
  messages: {
    reserve: message('ReserveStock', { data: Item, key: 'orderId', reply: z.object({ left: z.number() }) }),
    forget: message('ForgetStock', { data: Item, key: 'orderId' }),
  },
});
const shop = contract('shop', {
  version: '1.0.0',
  operations: { buy: operation('POST /purchases', { input: Item, output: z.object({ left: z.number() }) }) },
  events: {
    priceAsked: event('PriceAsked', { data: Item, key: 'orderId', answer: z.object({ cents: z.number() }) }),
    bought: event('ThingBought', { data: Item, key: 'orderId' }),
  },
});

// @ts-expect-error the key is no field of the data
message('ReserveStock', { data: Item, key: 'sku' });

service(stock, {
  uses: { shop },
  operations: {},
  messages: {
    async reserve({ quantity }, { message: { from, expiresAt }, sql, emit, send }) {
      const left: number = quantity;
      const words: [string, string | undefined] = [from, expiresAt];
      await sql`select ${words[0]}`;
      send('stock.forget', { orderId: 'o', quantity: 1 }, { delayMs: 1_000 });
      // @ts-expect-error this contract has no events
      emit('reserved', {});
      return { left };
    },
    async forget() {},
  },
  on: {
    'shop.priceAsked': async ({ quantity }) => ({ cents: quantity }),
    // @ts-expect-error nobody answers this event
    'shop.bought': async () => ({ cents: 1 }),
  },
});
// @ts-expect-error the contract has messages, so the service handles them
service(stock, { operations: {} });
// @ts-expect-error the reply is not what the contract declares
service(stock, { operations: {}, messages: { reserve: async () => ({ right: 1 }), forget: async () => {} } });

service(shop, {
  uses: { stock },
  operations: {
    async buy(item, { request, gather, reply, tx }) {
      const id = await tx(async ({ send }: Tx<typeof shop, { stock: typeof stock }>) => {
        // @ts-expect-error no such message
        send('stock.release', item);
        // @ts-expect-error no such addressee
        send('payments.charge', item);
        // @ts-expect-error wrong data
        send('stock.reserve', { orderId: 'o' });
        send('stock.forget', item, { expiresInMs: 1_000 });
        const sent: string = send('stock.reserve', item, {
          at: '2030-01-01T00:00:00Z',
          callback: 'https://a.b/c',
        });
        return sent;
      });
      const state = await reply('stock.reserve', id);
      const known: number = state.state === 'answered' ? state.reply.left : 0;
      // @ts-expect-error a one-way message has no reply to wait for
      await request('stock.forget', item);
      // @ts-expect-error nobody answers this event
      await gather('bought', item, { forMs: 1 });
      const answers = await gather('priceAsked', item, { forMs: 1_000, atMost: 2 });
      const cents: number[] = answers.map(({ answer }) => answer.cents);
      const { left } = await request('stock.reserve', item, { timeoutMs: 1_000 });
      return { left: left + known + cents.length };
    },
  },
  replies: {
    async 'stock.reserve'({ left }, { reply: { requestId, from }, send, emit }) {
      const words: [number, string, string] = [left, requestId, from];
      emit('bought', { orderId: String(words[0]), quantity: 1 });
      send('stock.forget', { orderId: 'o', quantity: 1 });
    },
    // @ts-expect-error no reply comes to a one-way message
    'stock.forget': async () => {},
  },
});
