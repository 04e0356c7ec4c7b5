import { contract, event, message, operation } from '@banyan/banyan';
import { z } from 'zod';

const OrderRef = z.object({ orderId: z.string() });
const Wanted = z.object({ consumerId: z.string(), item: z.string() });
const Done = z.object({});

export const ordering = contract('ordering', {
  version: '1.0.0',
  description: 'The same order accepted in three ways.',
  operations: {
    orderNow: operation('POST /orders/now', {
      summary: 'Synchronous: asks three services, one after the other, and waits.',
      input: Wanted,
      output: OrderRef,
    }),
    orderByMessages: operation('POST /orders/by-messages', {
      summary:
        'Asynchronous (1): accepts, sends each service a request, and settles when the replies are in.',
      input: Wanted,
      output: OrderRef,
      status: 202,
    }),
    orderByCopies: operation('POST /orders/by-copies', {
      summary: 'Asynchronous (2): looks into its own copies, accepts, and has the money taken later.',
      input: Wanted,
      output: OrderRef,
      errors: { notOnOffer: { status: 422 } },
      status: 202,
    }),
    count: operation('GET /orders/count', {
      input: z.object({}),
      output: z.object({ orders: z.int(), settled: z.int(), consumers: z.int(), items: z.int() }),
    }),
  },
  events: {
    placed: event('OrderPlaced', { data: OrderRef.extend({ amount: z.int() }), key: 'orderId' }),
  },
});

export const consumers = contract('consumers', {
  version: '1.0.0',
  operations: {
    register: operation('POST /consumers', { input: z.object({ consumerId: z.string() }), output: Done }),
    verify: operation('GET /consumers/:consumerId', {
      input: z.object({ consumerId: z.string() }),
      output: Done,
    }),
  },
  events: {
    registered: event('ConsumerRegistered', {
      data: z.object({ consumerId: z.string() }),
      key: 'consumerId',
    }),
  },
  messages: {
    verify: message('VerifyConsumer', {
      data: OrderRef.extend({ consumerId: z.string() }),
      key: 'orderId',
      reply: OrderRef,
    }),
  },
});

const Price = z.object({ item: z.string(), price: z.int() });

export const restaurants = contract('restaurants', {
  version: '1.0.0',
  operations: {
    reviseMenu: operation('PUT /menu/:item', { input: Price, output: Done }),
    quote: operation('GET /menu/:item', { input: z.object({ item: z.string() }), output: Price }),
  },
  events: {
    menuRevised: event('MenuRevised', { data: Price, key: 'item' }),
  },
  messages: {
    quote: message('QuoteItem', {
      data: OrderRef.extend({ item: z.string() }),
      key: 'orderId',
      reply: OrderRef.extend({ price: z.int() }),
    }),
  },
});

export const accounting = contract('accounting', {
  version: '1.0.0',
  operations: {
    authorize: operation('POST /authorizations', { input: z.object({ amount: z.int() }), output: Done }),
  },
  events: { authorized: event('PaymentAuthorized', { data: OrderRef, key: 'orderId' }) },
  messages: {
    authorize: message('AuthorizePayment', {
      data: OrderRef.extend({ amount: z.int() }),
      key: 'orderId',
      reply: OrderRef,
    }),
  },
});
