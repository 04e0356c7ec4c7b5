import { z } from 'zod';
import { type InvoiceData, Item, OrderRecord } from '../order/contract.ts';

/** What invoicing reads of a whole order. It does not look at anything else, so the rest may change, come or go. */
export const OrderForInvoicing = OrderRecord.pick({
  id: true,
  number: true,
  revision: true,
  status: true,
  updated: true,
  customer: true,
  billingAddress: true,
}).extend({
  orderLine: z.array(
    z.object({ count: z.int(), item: Item.pick({ itemId: true, name: true, price: true }) }),
  ),
});

export function toInvoice(order: z.infer<typeof OrderForInvoicing>): InvoiceData {
  const { id, number, revision, status, updated, customer, billingAddress, orderLine } = order;
  return {
    ...{ orderId: id, number, revision, status, updated, customer, billingAddress },
    lines: orderLine.map(({ count, item: { itemId, name, price } }) => ({
      count,
      item: { itemId, name, price },
    })),
  };
}
