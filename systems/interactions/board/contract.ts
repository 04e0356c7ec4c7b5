import { contract, operation } from '@banyan/banyan';
import { z } from 'zod';

const Name = z.string().min(1).max(100);
/** An hour at most: who needs something for longer wants a database, or an event. */
const TtlMs = z.int().min(1).max(3_600_000).describe('Time to live, in milliseconds.');
const SubscriptionRef = z.object({ subscriptionId: z.uuid() });

export const board = contract('board', {
  version: '1.0.0',
  description:
    'What is worth knowing now and need not be kept: notices with a time to live, and news for whoever listens.',
  operations: {
    pin: operation('PUT /notices/:name', {
      summary: 'Pins a notice, in place of an older one of its name.',
      input: z.object({ name: Name, text: z.string().max(10_000), ttlMs: TtlMs }),
      output: z.object({}),
    }),
    look: operation('GET /notices/:name', {
      input: z.object({ name: Name }),
      output: z.object({ text: z.string(), ttlMs: z.number().describe('How long it still lives.') }),
      errors: { noSuchNotice: { status: 404 } },
    }),
    subscribe: operation('POST /subscriptions', {
      summary:
        'Listens to a topic from now on, for as long as it collects at least once in its time to live.',
      input: z.object({ topic: Name, ttlMs: TtlMs }),
      output: SubscriptionRef,
      status: 201,
    }),
    tell: operation('POST /topics/:topic', {
      summary: 'Tells everybody who is subscribed at this moment, and nobody who comes later.',
      input: z.object({ topic: Name, text: z.string().max(10_000) }),
      output: z.object({ reached: z.int() }),
    }),
    collect: operation('POST /subscriptions/:subscriptionId/collection', {
      summary:
        'What was told since it last collected, oldest first, at most once. An answer that is lost is lost.',
      input: SubscriptionRef,
      output: z.object({ texts: z.array(z.string()) }),
      errors: { notSubscribed: { status: 404, description: 'Its time is over, or it never was.' } },
    }),
    countRows: operation('GET /rows', {
      summary: 'What the board keeps, expired or not: that it forgets can be looked at.',
      input: z.object({}),
      output: z.object({ rows: z.int() }),
    }),
  },
});
