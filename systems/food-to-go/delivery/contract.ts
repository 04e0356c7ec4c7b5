import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Address } from '../vocabulary/address.ts';
import { Id, Timestamp, WantedId } from '../vocabulary/text.ts';
import { deliveryStates } from './lifecycle.ts';

const State = z.enum(deliveryStates);
/** What the token of a courier says they are. */
const CourierId = z.string();

/** What a delivery may still lack; it is scheduled as soon as there is nothing left. */
const Missing = z.enum(['order', 'restaurant', 'courier']);
export type Missing = z.infer<typeof Missing>;

/** Where something is fetched, where it is brought, by whom and when: no dishes, and no prices. */
export const Delivery = z.object({
  orderId: Id,
  /** 1, and one more with each change. */
  revision: z.int().min(1),
  state: State,
  /** While it is pending. */
  waitsFor: z.array(Missing),
  pickUpAddress: Address.optional(),
  deliveryAddress: Address.optional(),
  /** By the restaurant's account. */
  readyBy: Timestamp,
  /** The restaurant has said so: it can be picked up. */
  isReady: z.boolean(),
  /** From its schedule on, like the two times. */
  courierId: CourierId.optional(),
  pickUpAt: Timestamp.optional(),
  dropOffAt: Timestamp.optional(),
});
export type Delivery = z.infer<typeof Delivery>;

export const Courier = z.object({
  courierId: CourierId,
  available: z.boolean(),
  /** What the courier is to do, in this order. */
  plan: z.array(
    z.object({ orderId: Id, action: z.enum(['PICK_UP', 'DROP_OFF']), address: Address, at: Timestamp }),
  ),
});
export type Courier = z.infer<typeof Courier>;

/** What delivery knows of a restaurant: where to fetch. */
export const RestaurantCopy = z.object({
  restaurantId: Id,
  address: Address,
  /** Of the restaurant, and since when it was so: how old this copy is. */
  revision: z.int(),
  changedAt: Timestamp,
});
export type RestaurantCopy = z.infer<typeof RestaurantCopy>;

const News = z.object({ orderId: Id, revision: z.int().min(1), at: Timestamp });
const deliveryNotFound = { status: 404 } as const;
const deliveryStateForbids = { status: 409, data: z.object({ state: State }) } as const;

export const delivery = contract('delivery', {
  version: '1.0.0',
  description: 'Couriers, and what they bring where.',
  operations: {
    setAvailability: operation('PUT /courier/availability', {
      summary: 'Whether the courier who asks takes orders. What is scheduled already stays scheduled.',
      input: z.object({ available: z.boolean() }),
      output: Courier,
    }),
    getPlan: operation('GET /courier/plan', {
      summary: 'What the courier who asks is to do.',
      input: z.object({}),
      output: Courier,
    }),
    getDelivery: operation('GET /deliveries/:orderId', {
      summary: 'For those whom it concerns: the consumer, the restaurant, the courier, and staff.',
      input: z.object({ orderId: WantedId }),
      output: Delivery,
      errors: { deliveryNotFound },
    }),
    pickUp: operation('POST /deliveries/:orderId/pick-up', {
      summary: 'The courier who asks has it.',
      input: z.object({ orderId: WantedId }),
      output: Delivery,
      errors: {
        deliveryNotFound,
        deliveryStateForbids,
        notReady: { status: 409, description: 'The restaurant has not said yet that it is ready.' },
      },
    }),
    dropOff: operation('POST /deliveries/:orderId/drop-off', {
      summary: 'The courier who asks has brought it.',
      input: z.object({ orderId: WantedId }),
      output: Delivery,
      errors: { deliveryNotFound, deliveryStateForbids },
    }),
    getRestaurantCopy: operation('GET /delivery-restaurants/:restaurantId', {
      summary: 'What is known here of a restaurant.',
      input: z.object({ restaurantId: WantedId }),
      output: RestaurantCopy,
      errors: { restaurantNotFound: { status: 404 } },
    }),
  },
  events: {
    courierAvailabilityChanged: event('CourierAvailabilityChanged', {
      data: z.object({ courierId: CourierId, available: z.boolean(), at: Timestamp }),
      key: 'courierId',
    }),
    scheduled: event('DeliveryScheduled', {
      data: News.extend({ courierId: CourierId, pickUpAt: Timestamp, dropOffAt: Timestamp }),
      key: 'orderId',
    }),
    pickedUp: event('DeliveryPickedUp', { data: News.extend({ courierId: CourierId }), key: 'orderId' }),
    delivered: event('DeliveryDelivered', { data: News.extend({ courierId: CourierId }), key: 'orderId' }),
    cancelled: event('DeliveryCancelled', { data: News, key: 'orderId' }),
  },
});
