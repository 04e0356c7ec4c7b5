import { z } from 'zod';

/** The source of this system keeps prices as floating-point numbers, which cannot hold 0.10; here an amount is whole. */
export const Money = z.object({
  /** In the currency's minor unit: 1250 EUR is € 12.50. */
  amount: z.int().min(0).max(1_000_000_000_000),
  /** ISO 4217. */
  currency: z.string().regex(/^[A-Z]{3}$/),
});
export type Money = z.infer<typeof Money>;

/** @throws RangeError if the currencies differ, or there is nothing to add up */
export function totalOf(
  lines: readonly { readonly count: number; readonly item: { readonly price: Money } }[],
): Money {
  const currencies = new Set(lines.map(({ item }) => item.price.currency));
  const [currency] = currencies;
  if (currency === undefined || currencies.size > 1)
    throw new RangeError(`Cannot add up ${[...currencies].join(' and ') || 'nothing'}.`);
  return { amount: lines.reduce((sum, { count, item }) => sum + count * item.price.amount, 0), currency };
}
