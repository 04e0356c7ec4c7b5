import { setTimeout as sleep } from 'node:timers/promises';
import { type Sql, service } from '@banyan/banyan';
import { z } from 'zod';
import { keyRingOf, keysSetting } from '../keys/open-key-ring.ts';
import { publishedKeys, rotateInTime, rotateKeys, signingKey, withdrawOthers } from '../keys/signing-keys.ts';
import { ownerOf } from '../owner.ts';
import { passwords } from '../passwords/contract.ts';
import { accessToken, forgetSigner } from './access-tokens.ts';
import { sessions } from './contract.ts';
import { cookieSessionsOf, redisUrlSetting, type SessionStoreContext } from './cookie-session-store.ts';
import { forgetOldRevocations, revocationsSince, revoke } from './revocations.ts';
import {
  deleteAll,
  deleteBefore,
  forgetOldSessions,
  listSessions,
  rememberEnd,
  rememberRevision,
} from './session-rows.ts';
import { beginTokenSession, endByRefreshToken, refreshSession } from './token-sessions.ts';

/** Who issues access tokens, and whom they are for, unless configured. */
export const defaultIssuer = 'identity';

const day = 86_400;
const tidyEveryMs = 60_000;

const SessionsConfig = z.object({
  keys: keysSetting,
  issuer: z.string().min(1).default(defaultIssuer).describe('`iss` of access tokens.'),
  redisUrl: redisUrlSetting,
  audience: z.string().min(1).default(defaultIssuer).describe('`aud` of access tokens.'),
  scopes: z.array(z.string()).default(['user']).describe('What everybody who signs in may do.'),
  tokenSeconds: z.int().min(30).max(3_600).default(300).describe('How long an access token is valid.'),
  idleSeconds: z
    .int()
    // Gateways remember for 5 s who somebody is; they must be heard of before it is over.
    .min(6)
    .default(day)
    .describe('A session ends when nothing was heard of it for so long.'),
  maxSeconds: z
    .int()
    .min(1)
    .default(7 * day)
    .describe('A session ends after so long in any case.'),
  keySeconds: z
    .int()
    .min(3_600)
    .default(30 * day)
    .describe('How long a signing key is used.'),
  keyLeadSeconds: z.int().min(0).default(900).describe('How long before its use a signing key is published.'),
});

/**
 * Keeps `sessions` and signs access tokens. Sessions of browsers are in PostgreSQL, or in Redis with `SESSIONS_REDIS_URL`. While the store is away,
 * `unavailable`; signing keys whose secret is gone are `internal` `key_missing`.
 */
export const sessionsService = service(sessions, {
  uses: { passwords },
  config: SessionsConfig,
  migrations: new URL('./migrations/', import.meta.url),
  audited: {
    signOutEverywhere: () => undefined,
    revokeTokens: ({ sessions = [], tokens = [] }) =>
      [...sessions, ...tokens].join(' ').slice(0, 200) || undefined,
    rotateKeys: () => undefined,
  },
  operations: {
    async open({ as, ...signIn }, context) {
      const { tx, config, fail } = context;
      if (as === 'cookie') {
        const begun = await tx(
          async ({ sql }) =>
            (await cookieSessionsOf(context, sql).begin(signIn, config)) ?? fail('signInOver'),
        );
        return { session: begun.reference, expiresAt: begun.session.endsAt };
      }
      const { session, refreshToken } = await tx(
        async ({ sql }) => (await beginTokenSession(sql, signIn, config)) ?? fail('signInOver'),
      );
      return { ...(await accessToken(session, context)), refreshToken };
    },

    async exchange({ session }, context) {
      const found = await cookieSessionsOf(context, context.sql).use(session, context.config);
      return found === undefined ? context.fail('sessionOver') : accessToken(found, context);
    },

    async refresh({ refreshToken }, context) {
      const { tx, config, fail, log, idempotencyKey: retryKey } = context;
      const ring = await keyRingOf(context);
      const refreshing = await tx(async ({ sql, emit, audit }) => {
        const done = await refreshSession({ sql, ring }, { refreshToken, retryKey }, config);
        if (done.kind === 'reused') {
          const { accountId, sessionId } = done.session;
          await revoke(sql, 'session', [sessionId]);
          emit('refreshTokenReused', { accountId, sessionId });
          audit('refreshTokenReused', { subject: accountId, details: { sessionId } });
        }
        return done;
      });
      if (refreshing.kind === 'reused')
        log.warn('a refresh token came twice; its session has ended', { ...refreshing.session });
      if (refreshing.kind !== 'refreshed') return fail('refreshRefused');
      const token = await accessToken(refreshing.session, context);
      return { ...token, refreshToken: refreshing.refreshToken };
    },

    async revoke({ refreshToken }, { tx }) {
      await tx(async ({ sql }) => revoke(sql, 'session', await endByRefreshToken(sql, refreshToken)));
      return {};
    },

    async signOut({ session }, context) {
      if (session === undefined) return {};
      await context.tx(async ({ sql }) =>
        revoke(sql, 'session', await cookieSessionsOf(context, sql).end(session)),
      );
      return {};
    },

    async listMySessions(_input, context) {
      const { sql, caller } = context;
      const accountId = ownerOf(caller);
      const [withTokens, ofBrowsers] = await Promise.all([
        listSessions(sql, 'token', accountId),
        cookieSessionsOf(context, sql).list(accountId),
      ]);
      const newestFirst = [...withTokens, ...ofBrowsers].sort(
        (left, right) => Date.parse(right.beganAt) - Date.parse(left.beganAt),
      );
      return { sessions: newestFirst.slice(0, 100) };
    },

    async signOutEverywhere(_input, context) {
      const accountId = ownerOf(context.caller);
      return context.tx(async ({ sql, emit }) => {
        const { ended, endedAt } = await endEverything(context, sql, accountId);
        emit('signedOutEverywhere', { accountId, endedAt });
        return { ended };
      });
    },

    async revokeTokens({ tokens, sessions }, { tx }) {
      await tx(async ({ sql }) => {
        await revoke(sql, 'token', tokens);
        await revoke(sql, 'session', sessions);
      });
      return {};
    },

    async revocations({ since }, { sql }) {
      const { asOf, revoked } = await revocationsSince(sql, since);
      return { asOf, revoked: [...revoked] };
    },

    async publicKeys(_input, context) {
      // Makes the first one, so that there is always one to publish.
      await signingKey(context.sql, await keyRingOf(context));
      return { keys: [...(await publishedKeys(context.sql, context.config.tokenSeconds))] };
    },

    async rotateKeys(input, context) {
      const ring = await keyRingOf(context);
      const leadSeconds = input.withdrawOthers ? 0 : context.config.keyLeadSeconds;
      const keyId = await context.tx(async ({ sql }) => {
        const made = await rotateKeys(sql, ring, { leadSeconds });
        if (input.withdrawOthers) await withdrawOthers(sql, made);
        return made;
      });
      forgetSigner(context);
      return { keyId };
    },
  },
  on: {
    // Whoever knew the old password, or holds a stolen session, is out (ASVS 7.4.3).
    'passwords.changed': async ({ accountId, revision }, context) => {
      const { sql } = context;
      if (revision === undefined) return void (await endEverything(context, sql, accountId));
      await rememberRevision(sql, accountId, revision);
      const ended = await deleteBefore(sql, 'token', { accountId, passwordRevision: revision });
      // Last, because it may be elsewhere: if it fails, nothing has happened here, and the event comes again.
      const inBrowsers = await cookieSessionsOf(context, sql).endBefore(accountId, revision);
      await revoke(sql, 'session', [...ended, ...inBrowsers]);
    },
  },
  background: {
    async tidy(context) {
      const { sql, config, signal } = context;
      while (!signal.aborted) {
        const times = { afterSeconds: config.keySeconds, leadSeconds: config.keyLeadSeconds };
        await rotateInTime(sql, await keyRingOf(context), times);
        await forgetOldSessions(sql);
        await forgetOldRevocations(sql);
        await sleep(tidyEveryMs, undefined, { signal }).catch(() => undefined);
      }
    },
  },
});

/** In a transaction. @returns how many sessions have ended, and until when sign-ins no longer count */
async function endEverything(store: SessionStoreContext, sql: Sql, accountId: string) {
  const endedAt = await rememberEnd(sql, accountId);
  const withTokens = await deleteAll(sql, 'token', accountId);
  const inBrowsers = await cookieSessionsOf(store, sql).endUntil(accountId, endedAt);
  const ended = await revoke(sql, 'session', [...withTokens, ...inBrowsers]);
  return { ended, endedAt };
}
