import { randomUUID } from 'node:crypto';
import { onRefusal, ServiceError, type Sql, service } from '@banyan/banyan';
import { archive } from '../archive/contract.ts';
import { office } from './contract.ts';
import { openEnclosure } from './enclosure.ts';

export const officeService = service(office, {
  uses: { archive },
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    // Direct: the registry says where an archive is, and this handler stands still until it answers.
    async searchAndWait({ words }, { call, sql }) {
      const before = await countLetters(sql);
      const found = await call.archive.search({ words });
      return { found, stamped: (await countLetters(sql)) - before };
    },

    // The message is in the archive's queue "requests"; its answer will be in ours.
    async searchWhileWorking({ words }, { tx, sql, reply, signal }) {
      const searchId = await tx(async ({ send }) =>
        send('archive.search', { searchId: randomUUID(), words }),
      );
      for (let stamped = 1; !signal.aborted; stamped += 1) {
        await sql`insert into letter default values`;
        const answer = await reply('archive.search', searchId);
        if (answer.state === 'answered') return { found: answer.reply, stamped };
      }
      throw new ServiceError('The archive still searches.', {
        code: 'deadline_exceeded',
        reason: 'still_searching',
      });
    },

    // Indirect: whichever archive takes it from the broker, and however often that moves meanwhile.
    searchThroughBroker: ({ words }, { request }) =>
      request('archive.search', { searchId: randomUUID(), words }, { timeoutMs: 50_000 }),

    // Combined: all at once, each with its own end; the slow ones are cancelled up to where they search.
    async searchAllRooms({ words, rooms, withinMs }, { call }) {
      const searches = rooms.map(async (room) => ({
        room,
        ...(await call.archive.searchRoom({ room, words }, { timeoutMs: withinMs })),
      }));
      const ended = await Promise.allSettled(searches);
      const found = ended.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      return { found, missing: rooms.filter((_room, index) => ended[index]?.status === 'rejected') };
    },

    async searchFirstRoom({ words, rooms }, { call }) {
      const others = new AbortController();
      try {
        return await Promise.any(
          rooms.map(async (room) => ({
            room,
            ...(await call.archive.searchRoom({ room, words }, { signal: others.signal })),
          })),
        );
      } finally {
        others.abort();
      }
    },

    async sendLetter({ words, link }, { sql }) {
      const [letter] = await sql<{ letterId: string }>`
        insert into client_letter (words, link) values (${words}, ${link}) returning letter_id`;
      if (letter === undefined) throw new Error('The letter was not stored.');
      return letter;
    },

    async readLetter({ letterId }, { sql, call, fail }) {
      const [letter] = await sql<{ words: string; link: string }>`
        select words, link from client_letter where letter_id = ${letterId}`;
      if (letter === undefined) return fail('noSuchLetter');
      const enclosure = await openEnclosure(sql, letter.link, (fileId) =>
        call.archive
          .getFile({ fileId })
          .catch(onRefusal(archive.operations.getFile, 'noSuchFile', () => fail('linkLeadsNowhere'))),
      );
      return { words: letter.words, enclosure };
    },

    searchLater: ({ words }, { tx }) =>
      tx(async ({ send }) => ({ searchId: send('archive.search', { searchId: randomUUID(), words }) })),

    async getSearch({ searchId }, { reply }) {
      const answer = await reply('archive.search', searchId);
      return answer.state === 'answered'
        ? { state: answer.state, found: answer.reply }
        : { state: answer.state };
    },
  },
});

async function countLetters(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }>`select count(*)::int4 as count from letter`;
  return row?.count ?? 0;
}
