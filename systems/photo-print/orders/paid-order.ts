import type { Sql } from '@banyan/banyan';
import type { Job } from '../printing/contract.ts';
import { findSize } from './catalogue.ts';

/** All that printing needs to know of an order, so that it need not ask and can work while this service is away. */
export async function paidOrder(orderId: string, sql: Sql): Promise<Job> {
  const [order] = await sql<Omit<Job, 'printableArea'>>`
    select order_id, customer_id, photo_id, product, size, quantity from orders where order_id = ${orderId}`;
  if (order === undefined) throw new Error(`There is no order ${orderId}.`);
  const size = findSize(order.product, order.size);
  if (size === undefined) throw new Error(`Order ${orderId} is for something that we no longer sell.`);
  return { ...order, printableArea: size.printableArea };
}
