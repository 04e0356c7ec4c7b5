import { z } from 'zod';

export const Money = z.object({
  /** In the currency's minor unit: 1250 EUR is € 12.50. */
  amount: z.int().min(0).max(100_000_000),
  /** ISO 4217. */
  currency: z.string().regex(/^[A-Z]{3}$/),
});
export type Money = z.infer<typeof Money>;
