import type { EdgeState } from '@banyan/chassis';
import type { Clock, Logger } from '@banyan/core';
import { createPostgresRateLimits } from '@banyan/postgres';
import { invalid } from './invalid-setting.ts';

export interface EdgeStateOptions {
  /** The platform's database. */
  readonly platformUrl: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws ServiceError `failed_precondition` `invalid_configuration` for a scheme that no engine has */
export function checkCacheUrl(url: string | undefined): void {
  if (url === undefined || url === 'postgres' || /^rediss?:\/\//.test(url)) return;
  throw invalid("CACHE_URL must be 'postgres' or begin with redis:// or rediss://.");
}

/**
 * What gateways share at `CACHE_URL`; undefined if each keeps to itself. Nothing is waited for: a gateway starts and answers while Redis is away.
 * @throws ServiceError `failed_precondition` `invalid_configuration`, `redis_url_invalid`
 */
export async function openEdgeState(
  url: string | undefined,
  { platformUrl, clock, logger }: EdgeStateOptions,
): Promise<EdgeState | undefined> {
  checkCacheUrl(url);
  if (url === undefined) return undefined;
  if (url === 'postgres') {
    const rates = createPostgresRateLimits({ url: platformUrl, clock, logger });
    return { rates, close: () => rates.close() };
  }
  // Imported when it is asked for: nobody loads a client that is not used.
  const { connectRedis, createRedisRateLimits } = await import('@banyan/redis');
  const redis = connectRedis({ url, clock, logger });
  return { rates: createRedisRateLimits(redis), close: () => redis.close() };
}
