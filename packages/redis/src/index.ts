export { redisErrors } from './errors.ts';
export {
  connectRedis,
  type RedisConnection,
  type RedisConnectionOptions,
  type RedisReply,
  type RedisScript,
} from './redis-connection.ts';
export { createRedisRateLimits } from './redis-rate-limits.ts';
export { parseRedisUrl, type RedisSettings } from './redis-url.ts';
