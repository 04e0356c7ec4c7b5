import { contract, message, operation } from '@banyan/banyan';
import { z } from 'zod';

export const Found = z.object({
  pages: z.int(),
  /** Who has searched. */
  instance: z.string(),
});

/** Can be asked in two ways: called, while the caller waits, or sent a message, while the sender goes on. */
export const archive = contract('archive', {
  version: '1.0.0',
  description: 'Finds things in old papers, which takes its time.',
  operations: {
    search: operation('GET /pages', { input: z.object({ words: z.string() }), output: Found }),
  },
  messages: {
    search: message('SearchArchive', {
      data: z.object({ searchId: z.string(), words: z.string() }),
      key: 'searchId',
      reply: Found,
    }),
  },
});
