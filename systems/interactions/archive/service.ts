import { setTimeout as sleep } from 'node:timers/promises';
import { service } from '@banyan/banyan';
import { z } from 'zod';
import { archive } from './contract.ts';

interface Searching {
  readonly config: { readonly searchMs: number };
  readonly instance: string;
  readonly signal: AbortSignal;
}

async function search(words: string, { config, instance, signal }: Searching) {
  await sleep(config.searchMs, undefined, { signal });
  return { pages: words.length, instance };
}

export const archiveService = service(archive, {
  config: z.object({ searchMs: z.int().min(0).default(1_000).describe('How long a search takes.') }),
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    search: ({ words }, context) => search(words, context),

    async searchRoom({ room, words }, { config, instance, signal, sql }) {
      const [begun] = await sql<{ searchId: number }>`
        insert into room_search (room) values (${room}) returning search_id`;
      if (begun === undefined) throw new Error('The search was not noted.');
      const end = (state: 'done' | 'stopped') =>
        sql`update room_search set state = ${state} where search_id = ${begun.searchId}`;
      try {
        const searchMs = room === 'desk' ? 0 : config.searchMs;
        const found = await search(words, { config: { searchMs }, instance, signal });
        await end('done');
        return found;
      } catch (error) {
        // Whoever asked has gone, or has what was wanted.
        if (signal.aborted) await end('stopped');
        throw error;
      }
    },

    listSearches: (_input, { sql }) => sql`select room, state from room_search order by search_id`,

    async putFile({ fileId, text, validForMs }, { sql }) {
      await sql`
        insert into file (file_id, text, valid_for_ms) values (${fileId}, ${text}, ${validForMs})
        on conflict (file_id) do update set text = excluded.text, valid_for_ms = excluded.valid_for_ms`;
      return {};
    },

    async getFile({ fileId }, { sql, fail }) {
      const [file] = await sql<{ text: string; validForMs: number }>`
        update file set reads = reads + 1 where file_id = ${fileId} returning text, valid_for_ms`;
      return file ?? fail('noSuchFile');
    },

    async countReads({ fileId }, { sql }) {
      const [file] = await sql<{ reads: number }>`select reads from file where file_id = ${fileId}`;
      return { reads: file?.reads ?? 0 };
    },
  },
  messages: { search: ({ words }, context) => search(words, context) },
});
