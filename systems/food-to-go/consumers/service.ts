import { service } from '@banyan/banyan';
import { orders } from '../orders/contract.ts';
import { signedIn } from '../vocabulary/signed-in.ts';
import { type Consumer, consumers } from './contract.ts';
import { choreography } from './create-order.choreography.ts';
import { findConsumer } from './find-consumer.ts';

export const consumersService = service(consumers, {
  uses: { orders },
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async registerConsumer({ name }, { tx, idempotencyKey = null }) {
      return tx(async ({ sql, emit }) => {
        const [registered] = await sql<Consumer>`
          insert into consumers (name, idempotency_key) values (${name}, ${idempotencyKey})
          on conflict (idempotency_key) do nothing
          returning consumer_id, name, registered_at`;
        if (registered !== undefined) {
          emit('registered', registered);
          return registered;
        }
        const [earlier] = await sql<Consumer>`
          select consumer_id, name, registered_at from consumers where idempotency_key = ${idempotencyKey}`;
        if (earlier === undefined) throw new Error('The consumer was neither stored nor found.');
        return earlier;
      });
    },

    async getConsumer({ consumerId }, { sql, caller, fail }) {
      const isOneself = consumerId === signedIn(caller);
      return (isOneself ? await findConsumer(sql, consumerId) : undefined) ?? fail('consumerNotFound');
    },

    verifyConsumer: ({ consumerId, orderId }, { tx, fail }) =>
      tx(async ({ sql, emit }) => {
        const consumer = (await findConsumer(sql, consumerId)) ?? fail('consumerNotFound');
        const at = new Date().toISOString();
        emit('verified', { orderId, consumerId: consumer.consumerId, coordination: 'orchestration', at });
        return {};
      }),
  },
  on: choreography,
});
