import { z } from 'zod';

export const AccountId = z.uuid();
export const Timestamp = z.iso.datetime();

/** Which of an account's passwords: 1 for the first, one more with every other. */
export const PasswordRevision = z.int().min(1);

/** What somebody types to sign in. Looser than a new login id: what could never be one is simply wrong. */
export const GivenLoginId = z
  .string()
  .max(256)
  .regex(/^\P{Cc}*$/u, 'must not contain control characters');

/** What somebody types as a password, at sign-in or as a new one; the rules judge new ones. */
export const GivenPassword = z.string().max(4_000);

/** A secret of ours in the client's hands: a registration, a login workflow, a token from an e-mail. */
export const Handle = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be 43 characters of base64url');

export const EmailAddress = z.email().max(254);

/** E.164: what every carrier and sender understands. */
export const PhoneNumber = z
  .string()
  .regex(/^\+[1-9][0-9]{6,14}$/, 'must be + and 7 to 15 digits, country code first');

/** Words that a password of this person must not consist of: names, login id, e-mail address. */
export const ContextWords = z.array(z.string().max(256)).max(20);

export const passwordProblems = ['tooShort', 'tooLong', 'common', 'personal'] as const;
/** Why a password is no good: shorter than the floor, longer than the ceiling, among the best known, or made of words that anybody would try for this person. */
export type PasswordProblem = (typeof passwordProblems)[number];
export const WeakPassword = z.object({ problems: z.array(z.enum(passwordProblems)) });

export const secondFactorMethods = ['totp', 'phone', 'recovery'] as const;
export type SecondFactorMethod = (typeof secondFactorMethods)[number];
export const SecondFactorMethodName = z.enum(secondFactorMethods);
/** What somebody types as a code: spaces and hyphens do not count. */
export const GivenCode = z.string().min(1).max(64);

/** One attempt of a login workflow, as events tell of it. */
export const AttemptId = z.uuid();
/** A password on its way through events, which only the service of passwords can open, for an hour at most. */
export const SealedPassword = z.object({ keyId: z.uuid(), box: z.string().max(8_000) });

/** The public half only: what a schema does not name never leaves the service. */
export const PublicJwk = z.object({
  kty: z.string(),
  crv: z.string().optional(),
  x: z.string().optional(),
  kid: z.string().optional(),
  alg: z.string().optional(),
  use: z.string().optional(),
});
