import { test } from 'node:test';
import { service, system } from '@banyan/chassis';
import { contract, event, operation } from '@banyan/contract';
import { eventually } from '@banyan/core/testing';
import { startTestSystem } from '@banyan/testing';
import { z } from 'zod';

const Vote = z.object({ voter: z.string() });
const votes = contract('votes', {
  version: '1.0.0',
  operations: {
    cast: operation('POST /votes', { input: z.object({ count: z.int() }), output: z.object({}) }),
  },
  events: { cast: event('VoteCast', { data: Vote, key: 'voter' }) },
});
const tally = contract('tally', {
  version: '1.0.0',
  operations: {
    count: operation('GET /count', { input: z.object({}), output: z.object({ count: z.int() }) }),
  },
});

const migrations = new URL('./fixtures/tally/', import.meta.url);

const votesService = service(votes, {
  uses: { tally },
  migrations,
  operations: {
    async cast({ count }, { tx }) {
      await tx(async ({ emit }) => {
        for (let voter = 0; voter < count; voter += 1) emit('cast', { voter: `voter ${voter}` });
      });
      return {};
    },
  },
});

const tallyService = service(tally, {
  uses: { votes },
  migrations,
  operations: {
    async count(_input, { sql }) {
      const [row] = await sql<{ count: number }>`select count from tally`;
      return { count: row?.count ?? 0 };
    },
  },
  on: {
    // Reads, reckons and writes, as handlers do; the lock keeps other transactions away, but not one's own.
    'votes.cast': async (_vote, { sql }) => {
      const [row] = await sql<{ count: number }>`select count from tally for update`;
      await sql`update tally set count = ${(row?.count ?? 0) + 1}`;
    },
  },
});

test('handlers that read and then write lose nothing to others of their batch', async (t) => {
  const running = await startTestSystem(t, system('election', { services: [votesService, tallyService] }), {
    harsh: false,
  });
  const count = 200;
  await running.client(votes, { service: 'tally' }).cast({ count });
  const reader = running.client(tally, { service: 'votes' });
  await eventually(
    () => reader.count({}),
    (found) => found.count === count,
  );
});
