import type { DeliveryData, InvoiceData, OrderRecord } from './contract.ts';

/** The part of an order that shipping needs. */
export function toDeliveryData(record: OrderRecord): DeliveryData {
  const { id, number, revision, status, updated, customer, shippingAddress, orderLine } = record;
  return {
    ...{ orderId: id, number, revision, status, updated },
    recipient: { name: customer.name, firstname: customer.firstname },
    deliveryAddress: shippingAddress,
    packages: orderLine.map(({ count, item: { itemId, name, weightGrams, size } }) => ({
      ...{ count, itemId, name, weightGrams, size },
    })),
  };
}

/** The part of an order that invoicing needs. */
export function toInvoiceData(record: OrderRecord): InvoiceData {
  const { id, number, revision, status, updated, customer, billingAddress, orderLine } = record;
  return {
    ...{ orderId: id, number, revision, status, updated, customer, billingAddress },
    lines: orderLine.map(({ count, item: { itemId, name, price } }) => ({
      count,
      item: { itemId, name, price },
    })),
  };
}
