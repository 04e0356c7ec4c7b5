import { binary, contract, operation } from '@banyan/contract';
import { z } from 'zod';

const Order = z.object({
  orderId: z.string(),
  sku: z.string().describe('What to make.'),
  quantity: z.number().int().min(1).max(100).default(1),
  shipTo: z.object({ city: z.string(), country: z.enum(['FR', 'DE', 'GB']) }),
  lines: z.array(z.object({ text: z.string().max(40) })).optional(),
});

/** A small shop that has one of everything that a gateway must carry. */
export const shop = contract('shop', {
  version: '1.2.3',
  description: 'Orders of things with pictures on them.',
  operations: {
    listProducts: operation('GET /products', {
      summary: 'List what can be ordered',
      input: z.object({
        limit: z.number().int().min(1).max(50).default(10),
        tag: z.array(z.string()).optional(),
      }),
      output: z.object({ products: z.array(z.string()), limit: z.number(), tags: z.array(z.string()) }),
    }),
    placeOrder: operation('POST /orders', {
      summary: 'Place an order',
      description: 'Takes the order and makes it later.',
      input: Order.omit({ orderId: true }),
      output: Order,
      status: 202,
      location: '/orders/{orderId}',
      errors: {
        soldOut: {
          status: 409,
          description: 'There is none left.',
          data: z.object({ left: z.number().int() }),
        },
      },
    }),
    getOrder: operation('GET /orders/:orderId', {
      input: z.object({ orderId: z.string().min(1) }),
      output: Order,
      errors: { orderNotFound: { status: 404 } },
    }),
    cancelOrder: operation('DELETE /orders/:orderId', {
      input: z.object({ orderId: z.string() }),
      output: z.object({}),
      status: 204,
    }),
    slowOrder: operation('GET /slow', {
      input: z.object({}),
      output: z.object({ done: z.boolean() }),
      timeoutMs: 60_000,
    }),
    fail: operation('POST /failures', {
      input: z.object({ how: z.string() }),
      output: z.object({}),
    }),
    report: operation('GET /report', { input: z.object({}), output: z.object({ rows: z.number() }) }),
    uploadPicture: operation('POST /pictures', {
      summary: 'Upload a picture',
      input: z.object({ title: z.string().optional() }),
      output: z.object({ pictureId: z.string(), bytes: z.number(), type: z.string() }),
      upload: binary({ types: ['image/png', 'image/jpeg'], maxBytes: 32 * 1_048_576 }),
      location: '/pictures/{pictureId}',
      timeoutMs: 60_000,
    }),
    getPicture: operation('GET /pictures/:pictureId', {
      input: z.object({ pictureId: z.string() }),
      output: binary({ types: ['image/*'], maxBytes: 32 * 1_048_576 }),
      timeoutMs: 60_000,
    }),
    hidden: operation('GET /hidden', { input: z.object({}), output: z.object({}) }),
    publicKeys: operation('GET /keys', {
      input: z.object({}),
      output: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
    }),
  },
});
