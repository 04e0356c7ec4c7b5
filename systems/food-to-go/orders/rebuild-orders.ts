import type { Sql } from '@banyan/banyan';
import { orderStore, ordersIn } from './change-order.ts';
import { saveOrder } from './order-table.ts';

/**
 * Makes the table of orders anew from the events, and nothing else: nobody is told, no saga starts. Orders that change meanwhile wait with their commit.
 * @returns how many orders there are
 */
export async function rebuildOrders(
  context: { readonly sql: Sql },
  { sql }: { readonly sql: Sql },
): Promise<number> {
  await sql`lock table orders in exclusive mode`;
  await sql`delete from orders`;
  const repository = ordersIn(context);
  let count = 0;
  for await (const { events } of orderStore(context).replay({ filter: { types: ['Placed'] } })) {
    for (const { stream } of events) {
      const orderId = stream.slice('order-'.length);
      await saveOrder(sql, orderId, await repository.load(orderId));
      count += 1;
    }
  }
  return count;
}
