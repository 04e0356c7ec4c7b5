import { z } from 'zod';
import { lineOfText } from './text.ts';

export const Address = z.object({
  street: lineOfText(120),
  /** Flat, building, company. */
  street2: lineOfText(120).optional(),
  postalCode: lineOfText(16),
  city: lineOfText(80),
  /** State or province, where the country writes one. */
  region: lineOfText(80).optional(),
  /** ISO 3166-1 alpha-2. */
  country: z
    .string()
    .trim()
    .toUpperCase()
    .regex(/^[A-Z]{2}$/, 'must be a two-letter country code, such as NL'),
});
export type Address = z.infer<typeof Address>;

/** Where a parcel goes: an address with the name to put on it. */
export const Recipient = Address.extend({ name: lineOfText(120) });
export type Recipient = z.infer<typeof Recipient>;
