import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { PageRequest, PageResponse } from '../vocabulary/page.ts';

const Nothing = z.object({});

const listBooks = operation('GET /books', {
  input: Nothing,
  output: z.object({ books: z.array(z.object({ isbn: z.string(), title: z.string() })) }),
});

/** Stages 1, 2 and 4. */
export const books = contract('books', {
  version: '1.0.0',
  operations: {
    listBooks,
    me: operation('GET /me', {
      summary: 'Who asks, as far as the caller has proved it.',
      input: Nothing,
      output: z.object({ name: z.string(), roles: z.array(z.string()) }),
    }),
  },
});

/** Stage 3: the service looks into the sessions itself. */
export const booksAndSessions = contract('books', {
  version: '1.0.0',
  operations: {
    listBooks,
    me: operation('POST /pages/me', { input: PageRequest, output: PageResponse }),
  },
});
