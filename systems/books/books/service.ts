import { ServiceError, service } from '@banyan/banyan';
import { books } from './contract.ts';
import { shelf } from './shelf.ts';

/** Knows books. Who somebody is comes with the call, signed; there is no session to look up. */
export const booksService = service(books, {
  operations: {
    listBooks: async () => shelf,
    me: async (_input, { caller: { user } }) => {
      if (user === undefined)
        throw new ServiceError('Nobody is signed in.', { code: 'unauthenticated', reason: 'user_required' });
      return { name: user.id, roles: [...user.scopes] };
    },
  },
});
