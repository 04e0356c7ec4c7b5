import { expose, gateway, httpApp, system } from '@banyan/banyan';
import { auth } from '../auth/contract.ts';
import { authService } from '../auth/service.ts';
import { books } from '../books/contract.ts';
import { booksService } from '../books/service.ts';

/** Readers sign in on a page. The book service does not know them: /me is the auth service's. */
export default system('books', {
  services: [booksService, authService],
  gateway: gateway({
    expose: [expose(books, { listBooks: 'anyone' }), expose(auth, { register: 'anyone' })],
    apps: [httpApp('/login', auth, 'login'), httpApp('/logout', auth, 'logOut'), httpApp('/me', auth, 'me')],
  }),
});
