import { contract, event, operation } from '@banyan/banyan';
import { feedOperation } from '@banyan/feeds';
import { z } from 'zod';
import { Address } from '../vocabulary/address.ts';
import { Money } from '../vocabulary/money.ts';
import { PageRequest, WalkRequest } from '../vocabulary/page.ts';
import { Id, Timestamp, WantedId } from '../vocabulary/text.ts';

export const Customer = z.object({
  customerId: Id,
  name: z.string(),
  firstname: z.string(),
  email: z.string(),
});

const Size = z.object({ widthMm: z.int(), heightMm: z.int(), depthMm: z.int() });
export const Item = z.object({
  itemId: Id,
  name: z.string(),
  price: Money,
  weightGrams: z.int(),
  size: Size,
});
export type Item = z.infer<typeof Item>;

const OrderLine = z.object({ count: z.int().min(1).max(1_000), item: Item });

const state = {
  /** 1, and one more with each change: what tells an old record from a new one. */
  revision: z.int().min(1),
  status: z.enum(['accepted', 'cancelled']),
  /** When this revision was made. */
  updated: Timestamp,
};

/** The whole order, as the world gets it: in the fat event, behind the links of the feed, and on request. */
export const OrderRecord = z.object({
  id: Id,
  /** Counts up from 1: what people call the order. */
  number: z.int(),
  ...state,
  customer: Customer,
  shippingAddress: Address,
  billingAddress: Address,
  orderLine: z.array(OrderLine).min(1),
  numberOfLines: z.int(),
});
export type OrderRecord = z.infer<typeof OrderRecord>;

/** All that shipping needs to know, and no price. */
export const DeliveryData = z.object({
  orderId: Id,
  number: z.int(),
  ...state,
  recipient: z.object({ name: z.string(), firstname: z.string() }),
  deliveryAddress: Address,
  packages: z.array(
    z.object({ count: z.int(), itemId: Id, name: z.string(), weightGrams: z.int(), size: Size }),
  ),
});
export type DeliveryData = z.infer<typeof DeliveryData>;

/** All that invoicing needs to know, and nothing about parcels. */
export const InvoiceData = z.object({
  orderId: Id,
  number: z.int(),
  ...state,
  customer: Customer,
  billingAddress: Address,
  lines: z.array(
    z.object({
      count: z.int(),
      item: z.object({ itemId: Id, name: z.string(), price: Money }),
    }),
  ),
});
export type InvoiceData = z.infer<typeof InvoiceData>;

/** The public half only: what a schema does not name never leaves the service. */
export const PublicJwk = z.object({
  kty: z.string(),
  crv: z.string().optional(),
  x: z.string().optional(),
  y: z.string().optional(),
  kid: z.string().optional(),
  alg: z.string().optional(),
  use: z.string().optional(),
});

const NewLine = z.object({ itemId: Id, count: z.int().min(1).max(1_000) });
const Draft = z.object({ orderLine: z.array(OrderLine), numberOfLines: z.int(), total: Money });

const orderNotFound = { status: 404 } as const;
const unknownItem = { status: 422, data: z.object({ itemId: z.string() }) } as const;

export const order = contract('order', {
  version: '1.0.0',
  description: 'Takes orders and tells whoever needs to know.',
  operations: {
    showPage: operation('GET /order', {
      summary: 'Leads to the page for people.',
      input: z.object({}),
      output: z.object({}),
      status: 303,
      location: '/order/',
    }),
    listCustomers: operation('GET /order/customers', {
      summary: 'Who can order, with the address to propose.',
      input: z.object({}),
      output: z.object({ customers: z.array(Customer.extend({ address: Address })) }),
    }),
    listItems: operation('GET /order/items', {
      summary: 'What can be ordered, at today’s prices.',
      input: z.object({}),
      output: z.object({ items: z.array(Item) }),
    }),
    addLine: operation('POST /order/line', {
      summary: 'A draft with one line more. Nothing is saved.',
      input: z.object({
        orderLine: z.array(NewLine).max(99).default([]),
        itemId: Id.optional(),
        count: z.int().min(1).max(1_000).default(1),
      }),
      output: Draft,
      errors: { unknownItem },
    }),
    placeOrder: operation('POST /order', {
      summary: 'Saves an order.',
      input: z.object({
        customerId: Id,
        shippingAddress: Address,
        billingAddress: Address,
        orderLine: z.array(NewLine).min(1, 'An order needs at least one line.').max(100),
      }),
      output: OrderRecord,
      errors: {
        unknownCustomer: { status: 422 },
        unknownItem,
        idempotencyKeyReused: { status: 422, description: 'The key belongs to a different order.' },
      },
      location: '/order/{id}',
    }),
    listOrders: operation('GET /order/orders', {
      summary: 'Orders, newest first.',
      input: PageRequest,
      output: z.object({ orders: z.array(OrderRecord), next: Id.optional() }),
    }),
    feed: feedOperation('GET /order/feed', { summary: 'What became of orders, for whoever polls.' }),
    getOrder: operation('GET /order/:orderId', {
      input: z.object({ orderId: WantedId }),
      output: OrderRecord.extend({ total: Money }),
      errors: { orderNotFound },
    }),
    changeAddresses: operation('PUT /order/:orderId/addresses', {
      input: z.object({ orderId: WantedId, shippingAddress: Address, billingAddress: Address }),
      output: OrderRecord,
      errors: { orderNotFound, orderCancelled: { status: 409 } },
    }),
    cancelOrder: operation('DELETE /order/:orderId', {
      summary: 'Cancels an order, with its shipment and its invoice. The record stays.',
      input: z.object({ orderId: WantedId }),
      output: OrderRecord,
      errors: { orderNotFound },
    }),
    changePrice: operation('PUT /order/items/:itemId/price', {
      summary: 'For orders from now on; what was ordered keeps its price.',
      input: z.object({ itemId: WantedId, amount: Money.shape.amount }),
      output: Item,
      errors: { itemNotFound: { status: 404 } },
    }),

    staffKeys: operation('GET /order/staff-keys', {
      summary: 'The keys that verify the tokens of staff (RFC 7517).',
      input: z.object({}),
      output: z.object({ keys: z.array(PublicJwk) }),
    }),

    getDeliveryData: operation('GET /order/delivery-data/:orderId', {
      summary: 'The Delivery API: sizes, weights and where to.',
      input: z.object({ orderId: WantedId }),
      output: DeliveryData,
      errors: { orderNotFound },
    }),
    listDeliveryData: operation('GET /order/delivery-data', {
      summary: 'The Delivery API for all orders, oldest first.',
      input: WalkRequest,
      output: z.object({ entries: z.array(DeliveryData), next: Id.optional() }),
    }),
    getInvoiceData: operation('GET /order/invoice-data/:orderId', {
      summary: 'The Invoice API: prices and whom to bill.',
      input: z.object({ orderId: WantedId }),
      output: InvoiceData,
      errors: { orderNotFound },
    }),
    listInvoiceData: operation('GET /order/invoice-data', {
      summary: 'The Invoice API for all orders, oldest first.',
      input: WalkRequest,
      output: z.object({ entries: z.array(InvoiceData), next: Id.optional() }),
    }),
  },
  // Every key is the order's id and nothing else, so no event of an order overtakes another one.
  events: {
    accepted: event('OrderAccepted', {
      description:
        'Style (a), everything at once. Told again, with a higher revision, when the order changes.',
      data: OrderRecord,
      key: 'id',
    }),
    acceptedForShipping: event('OrderAcceptedForShipping', {
      description: 'Style (b), the part that shipping needs.',
      data: DeliveryData,
      key: 'orderId',
    }),
    acceptedForInvoicing: event('OrderAcceptedForInvoicing', {
      description: 'Style (b), the part that invoicing needs.',
      data: InvoiceData,
      key: 'orderId',
    }),
    acceptedReference: event('OrderAcceptedReference', {
      description: 'Style (c), only which order: the rest is asked for.',
      data: z.object({ orderId: Id }),
      key: 'orderId',
    }),
    cancelled: event('OrderCancelled', {
      data: z.object({ orderId: Id, revision: z.int(), updated: Timestamp }),
      key: 'orderId',
    }),
  },
});
