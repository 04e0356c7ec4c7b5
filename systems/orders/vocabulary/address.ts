import { z } from 'zod';
import { lineOfText } from './text.ts';

export const Address = z.object({
  street: lineOfText(120),
  zip: lineOfText(16),
  city: lineOfText(80),
});
export type Address = z.infer<typeof Address>;
