import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Coordination } from '../vocabulary/coordination.ts';
import { Money } from '../vocabulary/money.ts';
import { Id, lineOfText, Timestamp, WantedId } from '../vocabulary/text.ts';

/** Somebody who orders, as this service knows them: a name. Others know an account, or the one an order is for. */
export const Consumer = z.object({ consumerId: Id, name: lineOfText(120), registeredAt: Timestamp });
export type Consumer = z.infer<typeof Consumer>;

const consumerNotFound = { status: 404 } as const;

export const consumers = contract('consumers', {
  version: '1.0.0',
  description: 'Who may order.',
  operations: {
    registerConsumer: operation('POST /consumers', {
      summary: 'Sign up.',
      input: z.object({ name: lineOfText(120) }),
      output: Consumer,
      location: '/consumers/{consumerId}',
    }),
    getConsumer: operation('GET /consumers/:consumerId', {
      summary: 'Oneself.',
      input: z.object({ consumerId: WantedId }),
      output: Consumer,
      errors: { consumerNotFound },
    }),
    verifyConsumer: operation('POST /consumers/:consumerId/verifications', {
      summary: 'Whether a consumer may place an order.',
      input: z.object({ consumerId: WantedId, orderId: Id, total: Money }),
      output: z.object({}),
      errors: { consumerNotFound },
    }),
  },
  events: {
    registered: event('ConsumerRegistered', { data: Consumer, key: 'consumerId' }),
    verified: event('ConsumerVerified', {
      description: 'The consumer of a new order may place it.',
      data: z.object({ orderId: Id, consumerId: Id, coordination: Coordination, at: Timestamp }),
      key: 'orderId',
    }),
    refused: event('ConsumerRefused', {
      description: 'The consumer of a new order may not place it. Told when the order is choreographed.',
      data: z.object({
        orderId: Id,
        consumerId: z.string(),
        reason: z.enum(['consumerNotFound']),
        coordination: Coordination,
        at: Timestamp,
      }),
      key: 'orderId',
    }),
  },
});
