import { defineEvent, defineEvents } from '@banyan/event-store';
import { z } from 'zod';

/** Events of an order, as the tests of this package use them. */
export const orderEvents = defineEvents({
  OrderPlaced: defineEvent({ schema: z.object({ item: z.string(), quantity: z.number().int().positive() }) }),
  OrderAccepted: defineEvent({ schema: z.object({}) }),
  OrderCancelled: defineEvent({ schema: z.object({ reason: z.string() }) }),
  OrderReinstated: defineEvent({ schema: z.object({}) }),
  OrderDelivered: defineEvent({ schema: z.object({}) }),
});

export const placed = (quantity = 1) => ({ type: 'OrderPlaced', data: { item: 'mug', quantity } }) as const;
export const cancelled = { type: 'OrderCancelled', data: { reason: 'changed my mind' } } as const;
