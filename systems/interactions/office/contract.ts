import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Found } from '../archive/contract.ts';

const Words = z.object({ words: z.string() });
/** What came of it, and how many letters the office stamped while the archive searched. */
const Worked = z.object({ found: Found, stamped: z.int() });

export const office = contract('office', {
  version: '1.0.0',
  description: 'Needs the archive, and shows every way to ask it.',
  operations: {
    searchAndWait: operation('POST /direct-searches', {
      summary: 'Calls the archive and does nothing until it answers.',
      input: Words,
      output: Worked,
    }),
    searchWhileWorking: operation('POST /working-searches', {
      summary: 'Sends the archive a message, stamps letters, and looks into its queue now and then.',
      input: Words,
      output: Worked,
      timeoutMs: 60_000,
    }),
    searchThroughBroker: operation('POST /brokered-searches', {
      summary: 'Waits for the answer as with a call, but a broker finds who gives it.',
      input: Words,
      output: Found,
      timeoutMs: 60_000,
    }),
    searchLater: operation('POST /searches', {
      summary: 'Sends the archive a message and leaves it at that.',
      input: Words,
      output: z.object({ searchId: z.string() }),
      status: 202,
    }),
    getSearch: operation('GET /searches/:searchId', {
      summary: 'Looks into the queue of answers.',
      input: z.object({ searchId: z.string() }),
      output: z.object({ state: z.enum(['waiting', 'answered', 'expired']), found: Found.optional() }),
    }),
  },
});
