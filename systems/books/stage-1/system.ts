import { expose, gateway, system } from '@banyan/banyan';
import { books } from '../books/contract.ts';
import { booksService } from '../books/service.ts';

/** A door and what is behind it. */
export default system('books', {
  services: [booksService],
  gateway: gateway({ expose: [expose(books, { listBooks: 'anyone' })] }),
});
