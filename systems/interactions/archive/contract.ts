import { contract, message, operation } from '@banyan/banyan';
import { z } from 'zod';

export const Found = z.object({
  pages: z.int(),
  /** Who has searched. */
  instance: z.string(),
});

/** Rooms to search: the desk is at hand, the cellar takes as long as a search takes. */
export const Room = z.enum(['desk', 'cellar']);

const FileRef = z.object({ fileId: z.string() });

/** Can be asked in two ways: called, while the caller waits, or sent a message, while the sender goes on. */
export const archive = contract('archive', {
  version: '1.0.0',
  description: 'Finds things in old papers, which takes its time.',
  operations: {
    search: operation('GET /pages', { input: z.object({ words: z.string() }), output: Found }),
    searchRoom: operation('GET /rooms/:room/pages', {
      input: z.object({ room: Room, words: z.string() }),
      output: Found,
      timeoutMs: 120_000,
    }),
    listSearches: operation('GET /room-searches', {
      summary: 'What became of each search of a room, the first one first.',
      input: z.object({}),
      output: z.array(z.object({ room: Room, state: z.enum(['begun', 'done', 'stopped']) })),
    }),
    putFile: operation('PUT /files/:fileId', {
      input: FileRef.extend({ text: z.string(), validForMs: z.int().min(0) }),
      output: z.object({}),
    }),
    getFile: operation('GET /files/:fileId', {
      input: FileRef,
      output: z.object({
        text: z.string(),
        validForMs: z.int().describe('How long a reader may keep it before asking again.'),
      }),
      errors: { noSuchFile: { status: 404 } },
    }),
    countReads: operation('GET /files/:fileId/reads', {
      input: FileRef,
      output: z.object({ reads: z.int() }),
    }),
  },
  messages: {
    search: message('SearchArchive', {
      data: z.object({ searchId: z.string(), words: z.string() }),
      key: 'searchId',
      reply: Found,
    }),
  },
});
