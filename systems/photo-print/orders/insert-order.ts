import { createHash } from 'node:crypto';
import type { Sql } from '@banyan/banyan';
import type { NewPrintOrder, Size } from './contract.ts';

const postage = { amount: 395, currency: 'EUR' } as const;

export interface Placement {
  readonly customerId: string;
  readonly request: NewPrintOrder;
  readonly size: Size;
  readonly idempotencyKey: string | undefined;
}

export type Inserted =
  | { readonly result: 'inserted' | 'repeated'; readonly orderId: string }
  /** The key was used for another order before. */
  | { readonly result: 'keyReused' };

export function totalOf({ size, request }: Pick<Placement, 'size' | 'request'>) {
  const { amount, currency } = size.price;
  return { amount: amount * request.quantity + postage.amount, currency };
}

/** Stores an order once per customer and idempotency key. */
export async function insertOrder(sql: Sql, placement: Placement): Promise<Inserted> {
  const { customerId, request, size, idempotencyKey = null } = placement;
  const requestDigest = createHash('sha256').update(JSON.stringify(request)).digest('hex');
  const [inserted] = await sql<{ orderId: string }>`
    insert into orders (customer_id, photo_id, product, size, quantity, ship_to, currency, unit_price, postage,
                        idempotency_key, request_digest)
    values (${customerId}, ${request.photoId}, ${request.product}, ${size.size}, ${request.quantity},
            ${sql.json(request.shipTo)}, ${size.price.currency}, ${size.price.amount}, ${postage.amount},
            ${idempotencyKey}, ${requestDigest})
    on conflict (customer_id, idempotency_key) do nothing
    returning order_id`;
  if (inserted !== undefined) return { result: 'inserted', orderId: inserted.orderId };

  const [earlier] = await sql<{ orderId: string }>`
    select order_id from orders
    where customer_id = ${customerId} and idempotency_key = ${idempotencyKey}
      and request_digest = ${requestDigest}`;
  return earlier === undefined ? { result: 'keyReused' } : { result: 'repeated', orderId: earlier.orderId };
}
