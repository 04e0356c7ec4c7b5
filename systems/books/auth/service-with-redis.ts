import { type Sql, service } from '@banyan/banyan';
import { RedisConfig, redisSessionsOf } from '../sessions/redis-sessions.ts';
import { auth } from './contract.ts';
import { pagesOn } from './pages.ts';
import { register } from './register.ts';

type Parts = Parameters<typeof redisSessionsOf>[0] & { readonly sql: Sql };

/** Stage 3: as many instances as wanted, and other services can look into the sessions, too. */
export const authServiceWithRedis = service(auth, {
  config: RedisConfig,
  migrations: new URL('./migrations/', import.meta.url),
  operations: { register, ...pagesOn<Parts>(redisSessionsOf) },
});
