import type { Sql, Tx } from '@banyan/banyan';
import { defineFeed } from '@banyan/feeds';
import { z } from 'zod';
import { type OrderRecord, order } from './contract.ts';
import { toDeliveryData, toInvoiceData } from './extracts.ts';

/** What an event carries; `none` leaves it to the feed to tell. */
export const EventStyle = z.enum(['fat', 'specialised', 'reference', 'none']);
export type EventStyle = z.infer<typeof EventStyle>;

type Emit = Tx<typeof order>['emit'];

export const orderFeed = defineFeed(order.operations.feed, {
  tag: 'orders.example,2026',
  title: 'Order',
  subtitle: 'Orders as they are accepted, changed and cancelled',
  author: 'Order service',
});

/** Tells those who poll of an order as it is now, in the transaction that made it so. Make it the last thing: other orders wait. */
export async function appendOrder(sql: Sql, record: OrderRecord): Promise<void> {
  const { id, number, revision, status, customer, numberOfLines } = record;
  const lines = numberOfLines === 1 ? '1 line' : `${numberOfLines} lines`;
  const what = status === 'cancelled' ? 'cancelled' : revision === 1 ? 'accepted' : 'changed';
  await orderFeed.append(sql, {
    id: `${id}-${revision}`,
    title: `Order ${number}`,
    summary: `Order ${number} of ${customer.firstname} ${customer.name}, ${lines}, ${what}`,
    href: `/order/${id}`,
    key: id,
    content: record,
  });
}

/** Tells of an order as it is now, in the transaction that made it so. */
export function emitOrder(emit: Emit, record: OrderRecord, style: EventStyle): void {
  if (style === 'none') return;
  const { id: orderId, revision, status, updated } = record;
  if (status === 'cancelled') emit('cancelled', { orderId, revision, updated });
  else if (style === 'fat') emit('accepted', record);
  else if (style === 'reference') emit('acceptedReference', { orderId });
  else {
    emit('acceptedForShipping', toDeliveryData(record));
    emit('acceptedForInvoicing', toInvoiceData(record));
  }
}
