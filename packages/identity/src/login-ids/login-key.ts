import { z } from 'zod';

/** The form under which a login id is unique: look-alikes of one name (Ａda, ADA, ada) are one login id. */
export function loginKey(loginId: string): string {
  return loginId.trim().normalize('NFKC').toLowerCase();
}

/** What a new account may be called: an e-mail address or any name without blanks. */
export const NewLoginId = z
  .string()
  .trim()
  .min(3)
  .max(128)
  .regex(/^[^\s\p{C}]*$/u, 'must not contain blanks or control characters')
  // Some single characters have compatibility forms of up to 18, and the key is indexed.
  .refine((loginId) => loginKey(loginId).length <= 256, 'is too long');
