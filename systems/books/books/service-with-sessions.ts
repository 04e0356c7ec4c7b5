import { service } from '@banyan/banyan';
import { RedisConfig, redisSessionsOf } from '../sessions/redis-sessions.ts';
import { readerOf } from '../sessions/session-cookie.ts';
import { redirectTo, textPage } from '../vocabulary/page.ts';
import { booksAndSessions } from './contract.ts';
import { shelf } from './shelf.ts';

/** Stage 3 only: every service that wants to know who somebody is has to reach Redis, and to know what the sessions in it look like. */
export const booksServiceWithSessions = service(booksAndSessions, {
  config: RedisConfig,
  operations: {
    listBooks: async () => shelf,
    me: async (request, context) => {
      const reader = await readerOf(request, redisSessionsOf(context));
      return reader === undefined ? redirectTo('/login') : textPage(200, reader.name);
    },
  },
});
