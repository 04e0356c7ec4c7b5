import { test } from 'node:test';
import { silentLogger } from '@banyan/core';
import { connectRedis, createRedisRateLimits, type RedisConnection } from '@banyan/redis';
import { describeRateLimitStore } from '@banyan/resilience/testing';
import { noRedis, startRedis } from '@banyan/test-support/redis';
import { connected } from './fixtures/connected.ts';

if (noRedis) test('rate limit store conformance: redis', { skip: noRedis });
else {
  describeRateLimitStore('redis', {
    async create() {
      const server = await startRedis();
      const connections: RedisConnection[] = [];
      return {
        async open() {
          const connection = connectRedis({ url: server.url, logger: silentLogger });
          connections.push(connection);
          await connected(connection);
          return createRedisRateLimits(connection);
        },
        async close() {
          for (const connection of connections) await connection.close();
          await server.stop();
        },
      };
    },
  });
}
