import { contract, operation } from '@banyan/contract';
import { z } from 'zod';

const Order = z.object({
  orderId: z.string().min(1).max(64),
  customerId: z.string().min(1).max(64),
  sku: z.string().min(1).max(40),
  quantity: z.number().int().min(1).max(1000),
  unitPriceCents: z.number().int().min(0).max(100_000_000),
  currency: z.enum(['EUR', 'USD', 'GBP']),
  express: z.boolean(),
  note: z.string().max(200),
});

export const echo = contract('echo', {
  version: '1.0.0',
  operations: {
    order: operation('POST /orders', { input: Order, output: Order, idempotent: true }),
    sample: operation('GET /orders/sample', { input: z.object({}), output: Order }),
  },
});
