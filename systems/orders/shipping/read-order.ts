import { z } from 'zod';
import { Customer, type DeliveryData, Item, OrderRecord } from '../order/contract.ts';

/** What shipping reads of a whole order. It does not look at anything else, so the rest may change, come or go. */
export const OrderForShipping = OrderRecord.pick({
  id: true,
  number: true,
  revision: true,
  status: true,
  updated: true,
  shippingAddress: true,
}).extend({
  customer: Customer.pick({ name: true, firstname: true }),
  orderLine: z.array(z.object({ count: z.int(), item: Item.omit({ price: true }) })),
});

export function toDelivery(order: z.infer<typeof OrderForShipping>): DeliveryData {
  const { id, number, revision, status, updated, customer, shippingAddress, orderLine } = order;
  return {
    ...{ orderId: id, number, revision, status, updated },
    recipient: { name: customer.name, firstname: customer.firstname },
    deliveryAddress: shippingAddress,
    packages: orderLine.map(({ count, item: { itemId, name, weightGrams, size } }) => ({
      ...{ count, itemId, name, weightGrams, size },
    })),
  };
}
