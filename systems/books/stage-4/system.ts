import { expose, gateway, httpApp, system } from '@banyan/banyan';
import { authWithTokens } from '../auth/contract.ts';
import { audience, authServiceWithTokens, issuer } from '../auth/service-with-tokens.ts';
import { books } from '../books/contract.ts';
import { booksService } from '../books/service.ts';

/** The gateway turns the cookie into a token, and the book service is the one of stage 1 again. */
export default system('books', {
  services: [booksService, authServiceWithTokens],
  gateway: gateway({
    expose: [
      expose(books, { listBooks: 'user', me: 'user' }),
      expose(authWithTokens, { register: 'anyone', logOut: 'user', publicKeys: 'anyone' }),
    ],
    apps: [httpApp('/login', authWithTokens, 'login')],
    userTokens: {
      issuer,
      audience,
      keys: [authWithTokens, 'publicKeys'],
      session: { exchange: [authWithTokens, 'exchange'], opens: [], ends: [[authWithTokens, 'logOut']] },
    },
  }),
});
