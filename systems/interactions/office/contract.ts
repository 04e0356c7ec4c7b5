import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Found, Room } from '../archive/contract.ts';

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
    searchAllRooms: operation('POST /combined-searches', {
      summary: 'Asks for all rooms at once, and answers with what came in time.',
      input: z.object({ words: z.string(), rooms: z.array(Room).max(10), withinMs: z.int().min(1) }),
      output: z.object({ found: z.array(Found.extend({ room: Room })), missing: z.array(Room) }),
      timeoutMs: 120_000,
    }),
    searchFirstRoom: operation('POST /first-searches', {
      summary: 'Asks for all rooms at once, takes the first answer, and has the other searches stop.',
      input: z.object({ words: z.string(), rooms: z.array(Room).min(1).max(10) }),
      output: Found.extend({ room: Room }),
      timeoutMs: 120_000,
    }),
    sendLetter: operation('POST /letters', {
      summary: 'Takes a letter with a link to what it is about, and does not follow it.',
      input: z.object({ words: z.string(), link: z.string().regex(/^\/files\/[\w-]{1,100}$/) }),
      output: z.object({ letterId: z.string() }),
      status: 201,
    }),
    readLetter: operation('GET /letters/:letterId', {
      summary: 'Follows the link, unless what it led to is still valid.',
      input: z.object({ letterId: z.uuid() }),
      output: z.object({ words: z.string(), enclosure: z.string() }),
      errors: { noSuchLetter: { status: 404 }, linkLeadsNowhere: { status: 422 } },
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
