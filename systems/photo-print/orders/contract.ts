import { contract, counter, event, histogram, operation } from '@banyan/banyan';
import { z } from 'zod';
import { PaymentMethod } from '../payments/contract.ts';
import { Recipient } from '../vocabulary/address.ts';
import { Money } from '../vocabulary/money.ts';
import { PageRequest } from '../vocabulary/page.ts';
import { Id, lineOfText, Timestamp } from '../vocabulary/text.ts';
import { statuses } from './status.ts';

const Pixels = z.object({ width: z.int(), height: z.int() });
export type Pixels = z.infer<typeof Pixels>;

const PrintableArea = z.object({
  widthMm: z.number(),
  heightMm: z.number(),
  /** True if the medium can be turned to suit the photo: paper can, a mug cannot. */
  turnable: z.boolean(),
});
export type PrintableArea = z.infer<typeof PrintableArea>;

const Size = z.object({
  size: z.string(),
  printableArea: PrintableArea,
  price: Money,
  /** Fewer would look poor at this size; compare them the way the print is turned. */
  minimumPixels: Pixels,
});
export type Size = z.infer<typeof Size>;

const Product = z.object({ product: z.string(), name: z.string(), sizes: z.array(Size) });
export type Product = z.infer<typeof Product>;

const Status = z.enum(statuses);

export const PrintOrder = z.object({
  orderId: Id,
  status: Status,
  /** When each status that the order has been through was reached. */
  times: z.partialRecord(Status, Timestamp),
  photoId: Id,
  product: z.string(),
  size: z.string(),
  quantity: z.int(),
  shipTo: Recipient,
  amounts: z.object({ unitPrice: Money, postage: Money, total: Money, refunded: Money.optional() }),
  /** Why the payment was declined, in the payment provider's words. */
  declineReason: z.string().optional(),
  trackingNumber: z.string().optional(),
});
export type PrintOrder = z.infer<typeof PrintOrder>;

const NewPrintOrder = z.object({
  photoId: Id,
  product: lineOfText(40),
  size: lineOfText(40),
  quantity: z.int().min(1).max(100),
  shipTo: Recipient,
  payment: PaymentMethod,
});
export type NewPrintOrder = z.infer<typeof NewPrintOrder>;

const OrderRef = z.object({ orderId: Id });
// The same answer for an order that does not exist and for one that is somebody else's.
const orderNotFound = { orderNotFound: { status: 404 } };

/** An order as the events tell of it: enough to act on, without the customer's name and address. */
const OrderNews = z.object({ orderId: Id, customerId: Id });

export const orders = contract('orders', {
  version: '1.0.0',
  description: 'What can be ordered, and what has become of each order.',
  operations: {
    listProducts: operation('GET /products', {
      summary: 'Media, sizes, prices, and how many pixels each size asks for.',
      input: z.object({}),
      output: z.object({ products: z.array(Product) }),
    }),
    placeOrder: operation('POST /print-orders', {
      summary:
        'Orders prints of a photo. With an `idempotency-key` header, repeating the request orders once.',
      input: NewPrintOrder,
      output: PrintOrder,
      errors: {
        photoNotFound: { status: 404 },
        unsupportedCombination: {
          status: 422,
          data: z.object({ product: z.string(), size: z.string(), supported: z.array(z.string()) }),
        },
        tooFewPixels: { status: 422, data: z.object({ needed: Pixels, actual: Pixels }) },
        idempotencyKeyReused: { status: 422, description: 'The key belongs to a different order.' },
      },
      status: 202,
      location: '/print-orders/{orderId}',
    }),
    getOrder: operation('GET /print-orders/:orderId', {
      input: OrderRef,
      output: PrintOrder,
      errors: orderNotFound,
    }),
    listOrders: operation('GET /print-orders', {
      summary: 'The orders of whoever asks, newest first.',
      input: PageRequest,
      output: z.object({ orders: z.array(PrintOrder), next: Id.optional() }),
    }),
    cancelOrder: operation('POST /print-orders/:orderId/cancellation', {
      summary: 'Cancels an order that is not being printed yet; what was paid is given back.',
      input: OrderRef,
      output: PrintOrder,
      errors: { ...orderNotFound, notCancellable: { status: 409, data: z.object({ status: Status }) } },
      idempotent: true,
    }),
    getRecipient: operation('GET /print-orders/:orderId/recipient', {
      summary: 'Where to send it, for whoever packs it.',
      input: OrderRef,
      output: Recipient,
      errors: orderNotFound,
    }),
  },
  events: {
    placed: event('OrderPlaced', {
      data: OrderNews.extend({ total: Money, payment: PaymentMethod }),
      key: 'orderId',
    }),
    paid: event('OrderPaid', {
      data: OrderNews.extend({
        photoId: Id,
        product: z.string(),
        size: z.string(),
        quantity: z.int(),
        printableArea: PrintableArea,
      }),
      key: 'orderId',
    }),
    cancelled: event('OrderCancelled', { data: OrderNews, key: 'orderId' }),
  },
  metrics: {
    placed: counter('Orders that were placed.', { labels: { payment: ['card', 'wallet'] } }),
    refused: counter('Orders that were refused at once.', {
      labels: { reason: ['unsupported_combination', 'photo_not_found', 'too_few_pixels'] },
    }),
    ended: counter('Orders that came to their end.', {
      labels: { outcome: ['despatched', 'payment_declined', 'cancelled'] },
    }),
    value: histogram('What an order that was placed costs.', {
      unit: 'euros',
      buckets: [1, 2.5, 5, 10, 25, 50, 100, 250],
    }),
  },
});
