import type { ResourceContext } from '@banyan/banyan';
import { connectRedis } from '@banyan/redis';
import { z } from 'zod';
import { keyOf, newReference, type SessionStore } from './session-store.ts';

export const RedisConfig = z.object({
  redisUrl: z.string().min(1).describe('Where sessions are kept: redis://host:6379.'),
  idleSeconds: z
    .int()
    .min(1)
    .default(1_800)
    .describe('A session ends when nothing was heard of it for so long.'),
});
type RedisConfig = z.output<typeof RedisConfig>;

interface RedisSessions extends SessionStore {
  close(): Promise<void>;
}

const Stored = z.object({ name: z.string(), role: z.string() });

interface Given {
  /** Opens it once for each running service, and closes it at its end. */
  readonly resource: <Store extends RedisSessions>(
    open: (context: ResourceContext<RedisConfig>) => Store,
  ) => Store;
}

/** Sessions in Redis, for every instance of every service that is given the URL. */
export function redisSessionsOf({ resource }: Given): SessionStore {
  return resource(openRedisSessions);
}

function openRedisSessions({ config, log }: ResourceContext<RedisConfig>): RedisSessions {
  const redis = connectRedis({ url: config.redisUrl, logger: log });
  const key = (reference: string) => redis.key(`session:${keyOf(reference)}`);
  const lifetime = String(config.idleSeconds);
  return {
    async open(reader) {
      const reference = newReference();
      await redis.send(['SET', key(reference), JSON.stringify(reader), 'EX', lifetime]);
      return reference;
    },
    async find(reference) {
      const found = await redis.send(['GETEX', key(reference), 'EX', lifetime]);
      if (found === null) return undefined;
      // What is not ours to read is nobody's session: a field that is missing must not become an identity.
      const reader = Stored.safeParse(parseJson(String(found)));
      return reader.success ? reader.data : undefined;
    },
    async end(reference) {
      await redis.send(['DEL', key(reference)]);
    },
    close: () => redis.close(),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
