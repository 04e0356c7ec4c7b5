import { binary, contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Id } from '../vocabulary/text.ts';

const OrderRef = z.object({ orderId: Id });
const JobNews = z.object({ orderId: Id, customerId: Id });

/** All that it takes to print: which photo, how large, how often. */
export const Job = JobNews.extend({
  photoId: Id,
  product: z.string(),
  size: z.string(),
  quantity: z.int().min(1),
  printableArea: z.object({ widthMm: z.number(), heightMm: z.number(), turnable: z.boolean() }),
});
export type Job = z.infer<typeof Job>;

export const printing = contract('printing', {
  version: '1.0.0',
  description: 'Makes the print-ready sheet of each paid order.',
  operations: {
    getSheet: operation('GET /print-orders/:orderId/sheet', {
      summary: 'The sheet as it goes to the press: true size, with bleed and crop marks.',
      input: OrderRef,
      output: binary({ types: ['application/pdf'], maxBytes: 200 * 1024 * 1024 }),
      errors: { orderNotFound: { status: 404 }, notPrinted: { status: 409 } },
    }),
    cancelJob: operation('POST /jobs/:orderId/cancellation', {
      summary: 'Cancels the job of an order, also one that has not arrived yet.',
      input: OrderRef,
      output: OrderRef,
      errors: { printingStarted: { status: 409 } },
      idempotent: true,
    }),
  },
  events: {
    queued: event('JobQueued', { data: Job, key: 'orderId' }),
    started: event('PrintingStarted', { data: Job, key: 'orderId' }),
    printed: event('SheetPrinted', { data: Job, key: 'orderId' }),
    jobCancelled: event('JobCancelled', { data: JobNews, key: 'orderId' }),
  },
});
