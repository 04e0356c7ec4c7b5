import { randomUUID } from 'node:crypto';
import type { RedisConnection, RedisReply } from '@banyan/redis';
import { z } from 'zod';
import { handleHash, newHandle } from '../keys/handle.ts';
import type { CookieSessions } from './cookie-sessions.ts';
import { beginScript, endAllScript, endScript, listScript, useScript } from './redis-scripts.ts';
import { endRememberedMinutes } from './session.ts';

/**
 * Sessions in Redis, each a hash that expires with it. Beside it stand the references of each account, to end them all, and for a quarter of an
 * hour what no longer counts and the ids of what has ended: whoever failed to remember them elsewhere gets them again. Redis's clock decides what has
 * expired.
 */
export function createRedisCookieSessions(redis: RedisConnection): CookieSessions {
  const session = (hash: string) => redis.key(`session:${hash}`);
  const account = (accountId: string) => redis.key(`sessions-of:${accountId}`);
  const ended = (accountId: string) => redis.key(`ended:${accountId}`);
  const endedIds = (accountId: string) => redis.key(`ended-sessions-of:${accountId}`);
  const endedId = (hash: string) => redis.key(`ended-session:${hash}`);
  const endAll = async (accountId: string, endedAtMs: string, revision: string) =>
    Ids.parse(
      await redis.run(
        endAllScript,
        [account(accountId), ended(accountId), endedIds(accountId)],
        [session(''), endedAtMs, revision, rememberedMs],
      ),
    );
  return {
    async begin({ accountId, signedInAt, passwordRevision }, { idleSeconds, maxSeconds }) {
      const [reference, sessionId] = [newHandle(), randomUUID()];
      const hash = handleHash(reference);
      const endsAtMs = await redis.run(
        beginScript,
        [session(hash), account(accountId), ended(accountId)],
        [
          ...[hash, sessionId, accountId, millisecondsOf(signedInAt), String(passwordRevision ?? '')],
          ...[String(idleSeconds * 1_000), String(maxSeconds * 1_000)],
        ],
      );
      if (endsAtMs === null) return undefined;
      return { session: { sessionId, accountId, endsAt: timestampOf(endsAtMs) }, reference };
    },

    async use(reference, { idleSeconds }) {
      const found = await redis.run(
        useScript,
        [session(handleHash(reference))],
        [String(idleSeconds * 1_000)],
      );
      if (found === null) return undefined;
      const [sessionId, accountId, endsAtMs] = Found.parse(found);
      return { sessionId, accountId, endsAt: timestampOf(endsAtMs) };
    },

    async end(reference) {
      const hash = handleHash(reference);
      const keys = [session(hash), endedId(hash)];
      return Ids.parse(await redis.run(endScript, keys, [hash, account(''), rememberedMs]));
    },

    async list(accountId) {
      const found = await redis.run(listScript, [account(accountId)], [session('')]);
      return z
        .array(Found)
        .parse(found)
        .map(([sessionId, beganAtMs, lastUsedAtMs]) => ({
          sessionId,
          kind: 'cookie' as const,
          beganAt: timestampOf(beganAtMs),
          lastUsedAt: timestampOf(lastUsedAtMs),
        }));
    },

    endUntil: (accountId, endedAt) => endAll(accountId, millisecondsOf(endedAt), ''),
    endBefore: (accountId, passwordRevision) => endAll(accountId, '', String(passwordRevision)),
  };
}

const rememberedMs = String(endRememberedMinutes * 60_000);
const Ids = z.array(z.string());
const Found = z.tuple([z.string(), z.string(), z.string()]);

/** Of a sign-in and an end within one millisecond nobody knows which was first, so the sign-in does not count. */
function millisecondsOf(timestamp: string | undefined): string {
  return timestamp === undefined ? '' : String(Date.parse(timestamp));
}

function timestampOf(ms: RedisReply): string {
  return new Date(Number(ms)).toISOString();
}
