import type { Sql } from '@banyan/banyan';
import { isId } from '../vocabulary/text.ts';
import type { Consumer } from './contract.ts';

export async function findConsumer(sql: Sql, consumerId: string): Promise<Consumer | undefined> {
  if (!isId(consumerId)) return undefined;
  const [consumer] = await sql<Consumer>`
    select consumer_id, name, registered_at from consumers where consumer_id = ${consumerId}`;
  return consumer;
}
