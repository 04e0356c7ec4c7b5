import { createHash } from 'node:crypto';
import type { RateLimitStore } from '@banyan/resilience';
import { redisError } from './errors.ts';
import type { RedisConnection, RedisScript } from './redis-connection.ts';

/** Rate limits that all processes with this Redis share. Closing it leaves the connection open. */
export function createRedisRateLimits(redis: RedisConnection): RateLimitStore {
  return {
    async take(key, { costUs, capacityUs }) {
      const reply = await redis.run(
        takeScript,
        [redis.key(`rate:${key}`)],
        [String(costUs), String(capacityUs)],
      );
      const [taken, debtUs] = Array.isArray(reply) ? reply : [];
      if (typeof taken !== 'number' || typeof debtUs !== 'number') throw redisError('redis_refused');
      return { taken: taken === 1, debtUs };
    },
    close: () => Promise.resolve(),
  };
}

/** The key holds when it owes nothing, in microseconds of Redis's clock, and vanishes then. */
const takeScript = script(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local debt = math.max(0, (tonumber(redis.call('GET', KEYS[1])) or 0) - now)
local cost = tonumber(ARGV[1])
if debt + cost > tonumber(ARGV[2]) then return {0, debt} end
debt = debt + cost
redis.call('SET', KEYS[1], string.format('%.0f', now + debt), 'PX', string.format('%.0f', math.ceil(debt / 1000)))
return {1, debt}
`);

function script(text: string): RedisScript {
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}
