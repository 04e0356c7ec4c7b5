import { z } from 'zod';

/** How long orders take on their way to one consumer: the time in which the services do not agree yet. */
export const Delay = z.object({
  flow: z.string(),
  /** Orders that have arrived. */
  arrived: z.int(),
  medianMs: z.int(),
  maxMs: z.int(),
  /** The agreed longest time. */
  boundMs: z.int(),
  /** Orders that arrived, but later than agreed. */
  late: z.int(),
  /** Accepted longer ago than agreed and still not here. */
  overdue: z.array(z.string()),
  /** True while an order is overdue. */
  alarm: z.boolean(),
});
export type Delay = z.infer<typeof Delay>;

/** What a reconciliation found and mended, by order id. */
export const Repairs = z.object({
  compared: z.int(),
  /** Orders that had not arrived. */
  added: z.array(z.string()),
  /** Copies that differed from what the order says. */
  corrected: z.array(z.string()),
  /** Copies of orders that do not exist. */
  removed: z.array(z.string()),
});
export type Repairs = z.infer<typeof Repairs>;

export const FeedPoll = z.object({ received: z.int(), handled: z.int(), failed: z.int() });

export const FeedStatus = z.object({
  lastError: z.string().nullable(),
  pending: z.int(),
  dead: z.int(),
});
