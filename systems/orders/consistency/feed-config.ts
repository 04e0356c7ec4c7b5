import { z } from 'zod';

/** How a consumer reads the feed of order. */
export const FeedConfig = z.object({
  /** Where the feed is. Unset: it is not read, and orders come as events. */
  orderFeedUrl: z.url().optional(),
  /** What to ask for: Atom, or JSON with links to the orders, or with the orders in it. */
  orderFeedForm: z.enum(['atom', 'json', 'json-embedded']).default('atom'),
  pollSeconds: z.int().min(1).default(30),
});

type Config = z.infer<typeof FeedConfig>;

export const feedSettings = {
  url: ({ orderFeedUrl }: Config) => orderFeedUrl,
  accept: ({ orderFeedForm }: Config) => orderFeedForm,
  intervalMs: ({ pollSeconds }: Config) => pollSeconds * 1_000,
  timeoutMs: 5_000,
  // It is this system's own, so an order is one trace up to its shipment and its invoice.
  continueTraces: 'always',
} as const;
