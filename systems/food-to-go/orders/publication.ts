import { definePublication } from '@banyan/event-store';
import { totalOf } from '../vocabulary/money.ts';
import { orders } from './contract.ts';
import { orderEvents } from './order-events.ts';

const orderIdOf = (stream: string) => stream.slice('order-'.length);

/** What others are told of what happens to an order. Locks that are taken and given back are nobody else's business. */
export const publication = definePublication(orders, orderEvents, {
  Placed: ({ stream, revision, data: { minimumOrder: _, ...data } }) => [
    'created',
    { orderId: orderIdOf(stream), revision, ...data, total: totalOf(data.lineItems) },
  ],
  Approved: ({ stream, revision, data }) => ['approved', { orderId: orderIdOf(stream), revision, ...data }],
  Rejected: ({ stream, revision, data }) => ['rejected', { orderId: orderIdOf(stream), revision, ...data }],
  Cancelled: ({ stream, revision, data }) => ['cancelled', { orderId: orderIdOf(stream), revision, ...data }],
  Revised: ({ stream, revision, data }) => [
    'revised',
    { orderId: orderIdOf(stream), revision, ...data, total: totalOf(data.lineItems) },
  ],
  Delivered: ({ stream, revision, data }) => ['delivered', { orderId: orderIdOf(stream), revision, ...data }],
  DeliveryRetracted: ({ stream, revision, data }) => [
    'reinstated',
    { orderId: orderIdOf(stream), revision, ...data },
  ],
});
