import { once } from 'node:events';
import type { Logger } from '@banyan/banyan';
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

interface Given {
  readonly config: RedisConfig;
  readonly log: Logger;
}

const Stored = z.object({ name: z.string(), role: z.string() });

/** One connection for each process and URL. */
const stores = new Map<string, RedisSessions>();

/** Sessions in Redis, for every instance of every service that is given the URL. */
export function redisSessionsOf({ config, log }: Given): SessionStore {
  const { redisUrl, idleSeconds } = config;
  const known = stores.get(redisUrl);
  if (known !== undefined) return known;
  const made = createRedisSessions(redisUrl, { idleSeconds, log });
  stores.set(redisUrl, made);
  return made;
}

/** A background task: closes the connection when the service stops. */
export async function closeRedisAtEnd({
  config,
  signal,
}: Pick<Given, 'config'> & { readonly signal: AbortSignal }): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
  const { redisUrl } = config;
  const store = stores.get(redisUrl);
  stores.delete(redisUrl);
  await store?.close();
}

function createRedisSessions(
  url: string,
  { idleSeconds, log }: { readonly idleSeconds: number; readonly log: Logger },
): RedisSessions {
  const redis = connectRedis({ url, logger: log });
  const key = (reference: string) => redis.key(`session:${keyOf(reference)}`);
  const lifetime = String(idleSeconds);
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
