import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { AccountId, Handle, PasswordRevision, PublicJwk, Timestamp } from '../vocabulary.ts';

const AccessToken = z.object({ token: z.string(), expiresAt: Timestamp });
export const SessionKind = z.enum(['cookie', 'token']);

/** What a client gets: a reference, which the gateway puts into a cookie, or tokens. */
export const Credentials = z.object({
  session: Handle.optional(),
  token: z.string().optional(),
  refreshToken: Handle.optional(),
  /** Of the session, or of the access token. */
  expiresAt: Timestamp,
});

const Nothing = z.object({});

/** Sessions of users: open, exchange, refresh and end them; public keys of access tokens, and which tokens no longer count. */
export const sessions = contract('sessions', {
  version: '1.0.0',
  description: 'Who is signed in: sessions, access tokens, and the keys that verify them.',
  operations: {
    open: operation('POST /sessions', {
      summary: 'For a service that has made sure who it is.',
      input: z.object({
        accountId: AccountId,
        as: SessionKind,
        /** When that was made sure. Default: now. */
        signedInAt: Timestamp.optional(),
        /** By which of the account's passwords, if by one. */
        passwordRevision: PasswordRevision.optional(),
      }),
      output: Credentials,
      errors: {
        signInOver: {
          status: 410,
          description: 'The password was changed since, or everybody has been signed out.',
        },
      },
      status: 201,
    }),
    exchange: operation('POST /session-exchanges', {
      summary: 'For the gateway: an access token for the reference in a cookie.',
      input: z.object({ session: Handle }),
      output: AccessToken,
      errors: { sessionOver: { status: 401 } },
      idempotent: true,
    }),
    refresh: operation('POST /token-refreshes', {
      summary:
        'The next access token and the next refresh token. A refresh token that comes twice ends the session, unless both requests have the same `Idempotency-Key`: then the second one gets the same refresh token.',
      input: z.object({ refreshToken: Handle }),
      output: AccessToken.extend({ refreshToken: Handle }),
      errors: { refreshRefused: { status: 401, description: 'Wrong, used, revoked or too late: sign in.' } },
    }),
    revoke: operation('POST /token-revocations', {
      summary:
        'Signs out a client that has tokens. The answer is the same if there is nothing to revoke (RFC 7009).',
      input: z.object({ refreshToken: Handle }),
      output: Nothing,
      idempotent: true,
    }),
    signOut: operation('DELETE /account/session', {
      summary: 'Ends the session of the cookie that the request comes with.',
      input: z.object({ session: z.string().optional() }),
      headers: { session: 'banyan-session' },
      output: Nothing,
    }),
    listMySessions: operation('GET /account/sessions', {
      summary: 'Where whoever asks is signed in, the newest first.',
      input: Nothing,
      output: z.object({
        sessions: z.array(
          z.object({ sessionId: z.uuid(), kind: SessionKind, beganAt: Timestamp, lastUsedAt: Timestamp }),
        ),
      }),
    }),
    signOutEverywhere: operation('DELETE /account/sessions', {
      summary: 'Ends every session of whoever asks.',
      input: Nothing,
      output: z.object({ ended: z.int() }),
    }),
    revokeTokens: operation('POST /revocations', {
      summary:
        'For services that issue tokens: these no longer count, by `jti`, or by `sid` for all of one session.',
      input: z.object({
        tokens: z.array(z.string().max(256)).max(1_000).default([]),
        sessions: z.array(z.string().max(256)).max(1_000).default([]),
      }),
      output: Nothing,
      idempotent: true,
    }),
    revocations: operation('GET /revocations', {
      summary: 'For gateways: the tokens that no longer count although their time is not over.',
      input: z.object({ since: Timestamp.optional() }),
      output: z.object({
        asOf: Timestamp,
        revoked: z.array(z.object({ kind: z.enum(['token', 'session']), id: z.string(), until: Timestamp })),
      }),
    }),
    publicKeys: operation('GET /.well-known/jwks.json', {
      summary: 'The keys that verify access tokens (RFC 7517).',
      input: Nothing,
      output: z.object({ keys: z.array(PublicJwk) }),
    }),
    rotateKeys: operation('POST /signing-keys', {
      summary:
        'For operators: a new signing key. Tokens of the others stay valid, unless they are withdrawn because one has leaked.',
      input: z.object({ withdrawOthers: z.boolean().default(false) }),
      output: z.object({ keyId: z.string() }),
      status: 201,
    }),
  },
  events: {
    signedOutEverywhere: event('SignedOutEverywhere', {
      description: 'An owner has ended every session.',
      data: z.object({ accountId: AccountId, endedAt: Timestamp.optional() }),
      key: 'accountId',
    }),
    refreshTokenReused: event('RefreshTokenReused', {
      description:
        'Somebody came with a refresh token that was used before, and the session has ended: one of two was a thief.',
      data: z.object({ accountId: AccountId, sessionId: z.uuid() }),
      key: 'accountId',
    }),
  },
});
