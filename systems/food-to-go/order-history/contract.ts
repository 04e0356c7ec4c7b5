import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { State } from '../orders/contract.ts';
import { Money } from '../vocabulary/money.ts';
import { Id, Timestamp, WantedId } from '../vocabulary/text.ts';

/** One order in the list of a consumer. */
export const PastOrder = z.object({
  orderId: Id,
  consumerId: z.string(),
  /** Of the last event of the order that is in here. */
  revision: z.int().min(0),
  status: State,
  restaurant: z.string(),
  lineItems: z.array(z.object({ name: z.string(), quantity: z.int() })),
  total: Money,
  createdAt: Timestamp,
});
export type PastOrder = z.infer<typeof PastOrder>;

export const orderHistory = contract('orderHistory', {
  version: '1.0.0',
  description:
    'What consumers have ordered: a view that is fed by events and answers without asking anybody.',
  operations: {
    listOrders: operation('GET /orders', {
      summary: 'Orders of a consumer, newest first; of the last 30 days unless told otherwise.',
      input: z.object({
        /** Default: whoever asks. */
        consumerId: WantedId.optional(),
        since: Timestamp.optional(),
        status: State.optional(),
        keyword: z.string().max(200).optional(),
        limit: z.int().min(1).max(100).default(20),
        /** The `next` of the page before. */
        page: z.string().max(500).optional(),
      }),
      output: z.object({ orders: z.array(PastOrder), next: z.string().optional() }),
    }),
    getOrder: operation('GET /order-history/:orderId', {
      summary: 'One order, as the view has it.',
      input: z.object({
        orderId: WantedId,
        /** Waits, up to a second or two, until the view has seen this revision. */
        atLeast: z.int().min(0).optional(),
      }),
      output: PastOrder,
      errors: {
        orderNotFound: { status: 404 },
        behind: { status: 409, data: z.object({ revision: z.int() }) },
      },
    }),
  },
});
