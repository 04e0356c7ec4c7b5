import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Order } from '../orders/contract.ts';
import { Money } from '../vocabulary/money.ts';
import { Id, Timestamp, WantedId } from '../vocabulary/text.ts';

/** One order in the list of a consumer. */
export const PastOrder = z.object({
  orderId: Id,
  /** Of the last event of the order that is in here. */
  revision: z.int().min(0),
  status: Order.shape.state,
  restaurant: z.string(),
  lineItems: z.array(z.object({ name: z.string(), quantity: z.int() })),
  total: Money,
  createdAt: Timestamp,
  /** Why it was rejected. */
  rejection: z.string().optional(),
});
export type PastOrder = z.infer<typeof PastOrder>;

export const orderHistory = contract('order-history', {
  version: '1.0.0',
  description:
    'What consumers have ordered: a view that is fed by events and answers without asking anybody.',
  operations: {
    listOrders: operation('GET /orders', {
      summary: 'Orders of the consumer who asks, newest first; of the last 30 days unless told otherwise.',
      input: z.object({
        /** Placed then or later. */
        since: Timestamp.optional(),
        /** Placed before then. */
        until: Timestamp.optional(),
        status: Order.shape.state.optional(),
        /** Words. The name of the restaurant or of a dish has at least one of them. */
        keyword: z.string().max(200).optional(),
        limit: z.int().min(1).max(100).default(20),
        /** The `next` of the page before. */
        page: z.string().max(500).optional(),
      }),
      output: z.object({ orders: z.array(PastOrder), next: z.string().optional() }),
      errors: { unknownPage: { status: 400, description: '`page` is not the `next` of any page.' } },
    }),
    getOrder: operation('GET /order-history/:orderId', {
      summary: 'One order of the consumer who asks, as the view has it.',
      input: z.object({
        orderId: WantedId,
        /** Waits, up to two seconds, until the view has seen this revision. */
        atLeast: z.int().min(0).optional(),
      }),
      output: PastOrder,
      errors: {
        orderNotFound: { status: 404 },
        behind: {
          status: 409,
          data: z.object({ atLeast: z.int() }),
          description: 'The view has not seen that revision yet. Ask again.',
        },
      },
    }),
    rebuild: operation('POST /order-history/rebuilds', {
      summary: 'Makes the view anew from everything that has come, while it goes on answering.',
      input: z.object({}),
      output: z.object({ orders: z.int() }),
      idempotent: true,
      timeoutMs: 300_000,
    }),
  },
});
