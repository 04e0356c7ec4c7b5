import { z } from 'zod';

export const Money = z.object({
  /** In the currency's minor unit: 1234 EUR is € 12.34. */
  amount: z.int().min(0).max(1_000_000_000_000),
  /** ISO 4217. */
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be a three-letter currency code, such as EUR'),
});
export type Money = z.infer<typeof Money>;

/** @throws RangeError if the currencies differ, or there is nothing to add up */
export function totalOf(lines: readonly { readonly quantity: number; readonly price: Money }[]): Money {
  const currencies = new Set(lines.map(({ price }) => price.currency));
  const [currency] = currencies;
  if (currency === undefined || currencies.size > 1) {
    throw new RangeError(`Cannot add up ${[...currencies].join(' and ') || 'nothing'}.`);
  }
  return { amount: lines.reduce((sum, { quantity, price }) => sum + quantity * price.amount, 0), currency };
}
