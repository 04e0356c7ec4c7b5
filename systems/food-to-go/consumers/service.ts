import { type Sql, service } from '@banyan/banyan';
import { signedIn } from '../vocabulary/signed-in.ts';
import { isId } from '../vocabulary/text.ts';
import { type Consumer, consumers } from './contract.ts';

export const consumersService = service(consumers, {
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
});

async function findConsumer(sql: Sql, consumerId: string): Promise<Consumer | undefined> {
  if (!isId(consumerId)) return undefined;
  const [consumer] = await sql<Consumer>`
    select consumer_id, name, registered_at from consumers where consumer_id = ${consumerId}`;
  return consumer;
}
