import { binary, contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Id } from '../vocabulary/text.ts';

export const despatch = contract('despatch', {
  version: '1.0.0',
  description: 'Packs what is printed and hands it to the post.',
  operations: {
    getLabel: operation('GET /print-orders/:orderId/label', {
      summary: 'The address label of the parcel, A6.',
      input: z.object({ orderId: Id }),
      output: binary({ types: ['application/pdf'] }),
      errors: { orderNotFound: { status: 404 }, notDespatched: { status: 409 } },
    }),
  },
  events: {
    despatched: event('OrderDespatched', {
      data: z.object({ orderId: Id, customerId: Id, trackingNumber: z.string() }),
      key: 'orderId',
    }),
  },
});
