import { expose, gateway, httpApp, system } from '@banyan/banyan';
import { auth } from '../auth/contract.ts';
import { authServiceWithRedis } from '../auth/service-with-redis.ts';
import { booksAndSessions } from '../books/contract.ts';
import { booksServiceWithSessions } from '../books/service-with-sessions.ts';

/** Sessions are in Redis, and the book service looks into them: /me is its own. */
export default system('books', {
  services: [booksServiceWithSessions, authServiceWithRedis],
  gateway: gateway({
    expose: [expose(booksAndSessions, { listBooks: 'anyone' }), expose(auth, { register: 'anyone' })],
    apps: [
      httpApp('/login', auth, 'login'),
      httpApp('/logout', auth, 'logOut'),
      httpApp('/me', booksAndSessions, 'me'),
    ],
  }),
});
