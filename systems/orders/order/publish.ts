import type { Tx } from '@banyan/banyan';
import { z } from 'zod';
import type { OrderRecord, order } from './contract.ts';
import { toDeliveryData, toInvoiceData } from './extracts.ts';

/** What an event carries; `none` leaves it to the feed to tell. */
export const EventStyle = z.enum(['fat', 'specialised', 'reference', 'none']);
export type EventStyle = z.infer<typeof EventStyle>;

type Emit = Tx<typeof order>['emit'];

/** Tells of an order as it is now, in the transaction that made it so. */
export function emitOrder(emit: Emit, record: OrderRecord, style: EventStyle): void {
  if (style === 'none') return;
  const { id: orderId, revision, status, updated } = record;
  if (status === 'cancelled') return emit('cancelled', { orderId, revision, updated });
  switch (style) {
    case 'fat':
      return emit('accepted', record);
    case 'specialised':
      emit('acceptedForShipping', toDeliveryData(record));
      return emit('acceptedForInvoicing', toInvoiceData(record));
    case 'reference':
      return emit('acceptedReference', { orderId });
  }
}
