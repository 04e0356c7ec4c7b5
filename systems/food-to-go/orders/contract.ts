import { contract, counter, event, gauge, message, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Address } from '../vocabulary/address.ts';
import { Coordination } from '../vocabulary/coordination.ts';
import { Money } from '../vocabulary/money.ts';
import { Id, lineOfText, Timestamp, WantedId } from '../vocabulary/text.ts';
import { orderStates } from './lifecycle.ts';

const Quantity = z.int().min(1).max(1_000);
const MenuItemId = z.string().max(64);

/** An item of a menu as it was when it was ordered: prices that change later change no order. */
export const LineItem = z.object({
  menuItemId: MenuItemId,
  name: z.string(),
  price: Money,
  quantity: Quantity,
});
export type LineItem = z.infer<typeof LineItem>;

export const State = z.enum(orderStates);

export const Order = z.object({
  orderId: Id,
  /** Rises with each change, not always by 1. */
  revision: z.int().min(0),
  state: State,
  consumerId: z.string(),
  restaurant: z.object({ restaurantId: Id, name: z.string() }),
  lineItems: z.array(LineItem).min(1),
  total: Money,
  deliveryAddress: Address,
  /** Why it was rejected. */
  rejection: z.string().optional(),
  createdAt: Timestamp,
  changedAt: Timestamp,
});
export type Order = z.infer<typeof Order>;

/** What all events of an order say. The revision rises from event to event, so that whoever copies can tell old from new. */
const News = z.object({ orderId: Id, revision: z.int().min(0), consumerId: z.string(), at: Timestamp });

const orderNotFound = { status: 404 } as const;
const orderStateForbids = {
  status: 409,
  data: z.object({ state: State }),
  description: 'The order is in a state in which this cannot be done, or somebody else is changing it.',
} as const;
const unknownMenuItem = { status: 422, data: z.object({ menuItemId: z.string() }) } as const;
const minimumNotMet = { status: 422, data: z.object({ minimum: Money, total: Money }) } as const;

export const orders = contract('orders', {
  version: '1.0.0',
  description:
    'Takes orders, and sees to it that they are approved, cancelled or revised everywhere or nowhere.',
  operations: {
    createOrder: operation('POST /orders', {
      summary: 'Places an order. It is on record at once, and approved or rejected soon.',
      input: z.object({
        restaurantId: Id,
        deliveryAddress: Address,
        lineItems: z
          .array(z.object({ menuItemId: MenuItemId, quantity: Quantity }))
          .min(1)
          .max(100)
          .refine(
            (lines) => new Set(lines.map(({ menuItemId }) => menuItemId)).size === lines.length,
            'must name each item once',
          ),
      }),
      output: Order,
      errors: {
        unknownRestaurant: { status: 422 },
        unknownMenuItem,
        minimumNotMet,
        idempotencyKeyReused: { status: 422, description: 'The key belongs to a different order.' },
      },
      location: '/orders/{orderId}',
    }),
    getOrder: operation('GET /orders/:orderId', {
      summary: 'An order as it is, or as it was at some time.',
      input: z.object({ orderId: WantedId, asOf: Timestamp.optional() }),
      output: Order,
      errors: { orderNotFound },
    }),
    cancelOrder: operation('POST /orders/:orderId/cancel', {
      summary: 'Asks for an order to be cancelled: it is, unless the restaurant has begun to prepare it.',
      input: z.object({ orderId: WantedId }),
      output: Order,
      status: 202,
      errors: { orderNotFound, orderStateForbids },
    }),
    reviseOrder: operation('POST /orders/:orderId/revise', {
      summary: 'Asks for other quantities. Lines that are not named stay as they are; 0 takes a line away.',
      input: z.object({
        orderId: WantedId,
        /** The revision that the consumer has seen: the request is refused if the order has changed since. */
        expectedRevision: z.int().min(0).optional(),
        quantities: z
          .array(z.object({ menuItemId: MenuItemId, quantity: z.int().min(0).max(1_000) }))
          .min(1)
          .max(100),
      }),
      output: Order,
      status: 202,
      errors: {
        orderNotFound,
        orderStateForbids,
        orderChanged: { status: 409, data: z.object({ revision: z.int() }) },
        unknownMenuItem,
        minimumNotMet,
      },
    }),
    listChanges: operation('GET /orders/:orderId/changes', {
      summary: 'What happened to an order, when, and who did it.',
      input: z.object({ orderId: WantedId }),
      output: z.object({
        changes: z.array(
          z.object({
            revision: z.int(),
            at: Timestamp,
            change: z.string(),
            /** A user id, or what the service did by itself. */
            by: z.string(),
          }),
        ),
      }),
      errors: { orderNotFound },
    }),
    listProcesses: operation('GET /orders/:orderId/processes', {
      summary: 'How far the sagas of an order are.',
      input: z.object({ orderId: WantedId }),
      output: z.object({
        processes: z.array(
          z.object({
            sagaId: z.string(),
            saga: z.string(),
            status: z.string(),
            /** Share of the steps that are done, 0 to 1. */
            progress: z.number(),
            failure: z.object({ kind: z.string(), step: z.string().optional() }).optional(),
          }),
        ),
      }),
      errors: { orderNotFound },
    }),
    reverseChange: operation('POST /orders/:orderId/reversals', {
      summary: 'Undoes the last change, if it was a mistake that can be undone here alone.',
      input: z.object({ orderId: WantedId, reason: lineOfText(200) }),
      output: Order,
      errors: { orderNotFound, notReversible: { status: 409 } },
    }),
    rebuild: operation('POST /orders-rebuilds', {
      summary: 'Makes the table of orders anew from their events.',
      input: z.object({}),
      output: z.object({ orders: z.int() }),
      timeoutMs: 600_000,
    }),
    getRestaurantCopy: operation('GET /orders-restaurants/:restaurantId', {
      summary: 'What is known here of a restaurant.',
      input: z.object({ restaurantId: Id }),
      output: z.object({ revision: z.int(), name: z.string(), menuItemIds: z.array(z.string()) }),
      errors: { restaurantNotFound: { status: 404 } },
    }),
  },
  // Every key is the order's id and nothing else, so no event of an order overtakes another one.
  events: {
    created: event('OrderCreated', {
      description: 'An order was placed, and waits for its approval.',
      data: News.extend({
        coordination: Coordination,
        restaurant: z.object({
          restaurantId: Id,
          name: z.string(),
          /** Of the menu that the consumer chose from. */
          revision: z.int(),
        }),
        lineItems: z.array(LineItem),
        total: Money,
        deliveryAddress: Address,
      }),
      key: 'orderId',
    }),
    approvalExpired: event('OrderApprovalExpired', {
      description:
        'The time in which a choreographed order was to be approved is over. Whoever decides on it, and has not, is to refuse it.',
      data: News.omit({ revision: true }),
      key: 'orderId',
    }),
    approved: event('OrderApproved', { data: News, key: 'orderId' }),
    rejected: event('OrderRejected', { data: News.extend({ reason: z.string() }), key: 'orderId' }),
    cancelled: event('OrderCancelled', { data: News, key: 'orderId' }),
    revised: event('OrderRevised', {
      data: News.extend({ lineItems: z.array(LineItem), total: Money }),
      key: 'orderId',
    }),
    delivered: event('OrderDelivered', { data: News, key: 'orderId' }),
    reinstated: event('OrderReinstated', {
      description: 'What was told last of the order was a mistake: it is approved, and not delivered yet.',
      data: News,
      key: 'orderId',
    }),
  },
  messages: {
    endApproval: message('EndApproval', {
      description: 'To itself: the time in which a choreographed order was to be approved is over.',
      data: z.object({ orderId: Id }),
      key: 'orderId',
    }),
  },
  metrics: {
    placed: counter('Orders that were placed.', { labels: { coordination: Coordination.options } }),
    approved: counter('Orders that were approved.'),
    rejected: counter('Orders that were rejected.'),
    awaitingApproval: gauge('Orders that are neither approved nor rejected yet, as each instance last saw.'),
  },
});
