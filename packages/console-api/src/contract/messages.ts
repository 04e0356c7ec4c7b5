import { operation } from '@banyan/contract';
import { z } from 'zod';
import { leftOut } from './left-out.ts';
import { Name, next, paging, Time } from './time-window.ts';

const notFound = {
  notFound: { status: 404, description: 'There is no such service or dead letter.' },
} as const;

export const ConsumerGroup = z.object({
  service: z.string(),
  /** Events in the log that the service has not read yet; absent if the log cannot be reached. */
  behind: z.int().optional(),
  /** Age of the oldest of them. */
  behindMs: z.number().optional(),
  /** Read, and not handled yet. */
  waiting: z.int(),
  deadLetters: z.int(),
});

export const Topic = z.object({
  /** `payments.captured`. */
  topic: z.string(),
  service: z.string(),
  type: z.string(),
  consumers: z.array(z.string()),
});

/** Every committed event is published or put aside within the bound. */
export const OutboxStanding = z.object({
  service: z.string(),
  waiting: z.int(),
  oldestAgeMs: z.number(),
  boundMs: z.number(),
  isOnTime: z.boolean(),
});

export const DeadLetter = z.object({
  service: z.string(),
  id: z.string(),
  topic: z.string(),
  key: z.string().optional(),
  reason: z.string(),
  attempts: z.int(),
  deadSince: Time,
  /** Later events of the same key that wait for it. */
  behind: z.int(),
});

/** A whole service is meant only by what somebody has seen of it: what has died since then is not among them. */
const Chosen = z
  .object({
    service: Name,
    ids: z.array(z.string().max(200)).min(1).max(1_000).optional(),
    /** All up to here: the `last` of a total. */
    through: z.string().max(500).optional(),
  })
  .refine(
    ({ ids, through }) => (ids === undefined) !== (through === undefined),
    'expected either ids, or through with the last of a total',
  );

export const messageOperations = {
  listTopics: operation('GET /api/topics', {
    summary: 'Topics, and who listens',
    input: z.object({}),
    output: z.object({ topics: z.array(Topic) }),
  }),
  listConsumers: operation('GET /api/consumers', {
    summary: 'How far each consuming service has come',
    input: z.object({}),
    output: z.object({ consumers: z.array(ConsumerGroup), ...leftOut }),
  }),
  listOutboxes: operation('GET /api/outboxes', {
    summary: 'What waits to be published, and whether the outbox keeps its promise',
    input: z.object({}),
    output: z.object({ outboxes: z.array(OutboxStanding), ...leftOut }),
  }),
  listDeadLetters: operation('GET /api/dead-letters', {
    summary: 'Dead letters, longest dead first',
    input: z.object({ service: Name.optional(), ...paging }),
    output: z.object({
      deadLetters: z.array(DeadLetter),
      /** Of each service that has some, on all pages. */
      totals: z.record(z.string(), z.object({ count: z.int(), last: z.string() })),
      ...next,
      ...leftOut,
    }),
  }),
  getDeadLetter: operation('GET /api/dead-letters/:service/:id', {
    summary: 'One dead letter with its data and the stack of its failure',
    input: z.object({ service: Name, id: Name }),
    output: DeadLetter.extend({
      event: z.json(),
      stack: z.string().optional(),
      traceId: z.string().optional(),
    }),
    errors: notFound,
  }),
  editDeadLetter: operation('PUT /api/dead-letters/:service/:id', {
    summary: 'Replace its data, and deliver it again',
    input: z.object({ service: Name, id: Name, data: z.json() }),
    output: z.object({}),
    errors: notFound,
  }),
  retryDeadLetters: operation('POST /api/dead-letters/:service/retry', {
    summary: 'Deliver dead letters again: those that are named, or all up to one',
    input: Chosen,
    output: z.object({ count: z.int() }),
    errors: notFound,
  }),
  discardDeadLetters: operation('POST /api/dead-letters/:service/discard', {
    summary: 'Give dead letters up for good: those that are named, or all up to one',
    input: Chosen,
    output: z.object({ count: z.int() }),
    errors: notFound,
  }),
} as const;
