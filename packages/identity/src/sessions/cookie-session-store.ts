import type { ResourceContext, Sql } from '@banyan/banyan';
import { connectRedis, type RedisConnection } from '@banyan/redis';
import { z } from 'zod';
import type { CookieSessions } from './cookie-sessions.ts';
import { createPostgresCookieSessions } from './postgres-cookie-sessions.ts';
import { createRedisCookieSessions } from './redis-cookie-sessions.ts';

export const redisUrlSetting = z
  .string()
  .regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://')
  .optional()
  .describe('Redis that keeps the sessions of browsers. Default: the database of `sessions`.')
  .meta({ writeOnly: true });

interface StoreConfig {
  readonly redisUrl?: string | undefined;
}

/** Every handler's context with `redisUrlSetting` in its configuration is one. */
export interface SessionStoreContext {
  readonly config: StoreConfig;
  readonly resource: (open: (context: ResourceContext<StoreConfig>) => RedisConnection) => RedisConnection;
}

/** @param sql where they are if no Redis is configured; see `createPostgresCookieSessions` */
export function cookieSessionsOf({ config, resource }: SessionStoreContext, sql: Sql): CookieSessions {
  return config.redisUrl === undefined
    ? createPostgresCookieSessions(sql)
    : createRedisCookieSessions(resource(openRedis));
}

function openRedis({ config, log }: ResourceContext<StoreConfig>): RedisConnection {
  return connectRedis({ url: config.redisUrl ?? '', logger: log });
}
