import { binary, contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Timestamp, WantedId } from '../vocabulary/text.ts';

const statuses = ['open', 'failing', 'completed', 'failed'] as const;

const Progress = z.object({
  orderId: z.string(),
  status: z.enum(statuses),
  steps: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['open', 'done', 'failed', 'undone']),
      doneAt: Timestamp.optional(),
      failedAt: Timestamp.optional(),
      undoneAt: Timestamp.optional(),
    }),
  ),
  /** Events that are to come next, such as `kitchen.ticketCreated`. */
  waitsFor: z.array(z.string()),
  startedAt: Timestamp,
  lastAt: Timestamp,
  endedAt: Timestamp.optional(),
  /** Since when nothing is heard of it that should have been. */
  lateSince: Timestamp.optional(),
});
export type Progress = z.infer<typeof Progress>;

const progressNotFound = { status: 404 } as const;
const OrderRef = z.object({ orderId: WantedId });

export const progress = contract('progress', {
  version: '1.0.0',
  description: 'How far new orders are on their way to approval, by what is told of them.',
  operations: {
    listCreateOrder: operation('GET /progress/create-order', {
      summary: 'Orders by how they fare, newest first.',
      input: z.object({
        status: z.enum([...statuses, 'late']).optional(),
        limit: z.int().min(1).max(100).default(50),
        page: z.string().max(1_000).optional(),
      }),
      output: z.object({ orders: z.array(Progress), next: z.string().optional() }),
    }),
    getCreateOrder: operation('GET /progress/create-order/:orderId', {
      summary: 'Each step of an order, and what it waits for.',
      input: OrderRef,
      output: Progress,
      errors: { progressNotFound },
    }),
    drawCreateOrder: operation('GET /progress/create-order/:orderId/picture', {
      summary: 'The same as a picture.',
      input: OrderRef,
      output: binary({ types: ['image/svg+xml'] }),
      errors: { progressNotFound },
    }),
  },
});
