import { z } from 'zod';
import { lineOfText } from './text.ts';

export const Address = z.object({
  street: lineOfText(120),
  city: lineOfText(80),
  postalCode: lineOfText(16),
});
export type Address = z.infer<typeof Address>;
