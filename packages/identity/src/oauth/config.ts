import { z } from 'zod';
import { keysSetting } from '../keys/open-key-ring.ts';
import { type SigningAlg, signingAlgs } from '../keys/signing-keys.ts';
import { defaultIssuer } from '../sessions/service.ts';

const day = 86_400;

/** RFC 6749, 3.3. */
const Scope = z
  .string()
  .regex(/^[\x21\x23-\x5B\x5D-\x7E]{1,128}$/, 'must be a word without spaces and quotes');

/** A program that signs its users in here, or acts for itself. */
export const OAuthClient = z
  .object({
    /** Shorter than an account's id, so that no client is ever taken for a user. */
    id: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be kebab-case, at most 32 characters'),
    /** As its users know it. */
    name: z.string().min(1).max(80),
    /**
     * SHA-256, base64url, of a secret of 32 random bytes. Not slow, because there is nothing to guess. Without one the client is public: it runs
     * where a secret could not be kept.
     */
    secretHash: z
      .string()
      .regex(/^[A-Za-z0-9_-]{43}$/, 'must be a SHA-256 in base64url')
      .optional(),
    /** `native`: an app on the user's machine, whose loopback redirects may use any port (RFC 8252). */
    type: z.enum(['web', 'native']).default('web'),
    /** Compared character by character. */
    redirectUris: z.array(z.url()).default([]),
    signedOutUris: z.array(z.url()).default([]),
    /** What its ID tokens are signed with; RS256 is what every client understands. */
    idTokenAlg: z.enum(signingAlgs).default('EdDSA'),
    scopes: z.array(Scope).default(['openid']),
    /** May have tokens for itself (client credentials). */
    machine: z.boolean().default(false),
    /** One's own: users are not asked whether they agree. */
    trusted: z.boolean().default(false),
  })
  .refine(({ machine, secretHash }) => !machine || secretHash !== undefined, {
    message: 'a machine needs a secretHash',
  })
  .refine(({ machine, redirectUris }) => machine || redirectUris.length > 0, {
    message: 'needs redirectUris',
  });
export type OAuthClient = z.output<typeof OAuthClient>;

/** Something that access tokens open. */
export const OAuthResource = z.object({
  /** What clients call it (RFC 8707). */
  uri: z.url(),
  /** `aud` of its tokens. */
  audience: z.string().min(1),
  /** What a token may allow, and what users read about that. Every user can grant all of them. */
  scopes: z.record(Scope, z.string()),
});

export const OAuthConfig = z.object({
  keys: keysSetting,
  issuer: z
    .url()
    .default('http://localhost:8080/oauth')
    .describe('`iss` of tokens: where the world reaches the application, without a slash at the end.'),
  name: z.string().min(1).max(100).default('Banyan').describe('What pages call the system.'),
  clients: z.array(OAuthClient).default([]).describe('The programs that may ask, as JSON.'),
  resources: z
    .array(OAuthResource)
    .min(1)
    .default([
      {
        uri: 'urn:banyan:system',
        audience: defaultIssuer,
        scopes: { user: 'Do everything that you may do here' },
      },
    ])
    .describe('What access tokens open, as JSON; the first one is meant where a client names none.'),
  tokenSeconds: z.int().min(30).max(3_600).default(300).describe('How long an access token is valid.'),
  codeSeconds: z.int().min(1).max(60).default(60).describe('How long an authorization code is valid.'),
  sessionSeconds: z
    .int()
    .min(60)
    .default(7 * day)
    .describe('A browser is asked to sign in again after so long.'),
  grantSeconds: z
    .int()
    .min(60)
    .default(30 * day)
    .describe('A client is out after so long in any case, however often it refreshes its tokens.'),
  refreshGraceSeconds: z
    .int()
    .min(0)
    .max(60)
    .default(30)
    .describe('How long a client may repeat a refresh whose answer was lost; 0: not at all.'),
  keySeconds: z
    .int()
    .min(3_600)
    .default(30 * day)
    .describe('How long a signing key is used.'),
  keyLeadSeconds: z.int().min(0).default(900).describe('How long before its use a signing key is published.'),
});
export type OAuthConfig = z.output<typeof OAuthConfig>;

/** Of access tokens, and of the ID tokens of every client. */
export function signingAlgsOf({ clients }: Pick<OAuthConfig, 'clients'>): readonly SigningAlg[] {
  return [...new Set<SigningAlg>(['EdDSA', ...clients.map(({ idTokenAlg }) => idTokenAlg)])];
}
