import type { OutputOf, Tx } from '@banyan/banyan';
import type { orders } from '../orders/contract.ts';
import type { consumers } from './contract.ts';
import { findConsumer } from './find-consumer.ts';

type OrderCreated = OutputOf<typeof orders.events.created.data>;
type Context = Pick<Tx<typeof consumers>, 'sql' | 'emit'>;

/** The part of this service in a choreographed order: it says whether the consumer may place it. */
export const choreography = {
  async 'orders.created'({ orderId, consumerId, coordination }: OrderCreated, { sql, emit }: Context) {
    if (coordination !== 'choreography') return;
    const at = new Date().toISOString();
    const known = await findConsumer(sql, consumerId);
    if (known !== undefined) emit('verified', { orderId, consumerId: known.consumerId, coordination, at });
    else emit('refused', { orderId, consumerId, reason: 'consumerNotFound', coordination, at });
  },
};
