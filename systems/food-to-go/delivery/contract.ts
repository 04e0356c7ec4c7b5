import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Address } from '../vocabulary/address.ts';
import { Id, Timestamp, WantedId } from '../vocabulary/text.ts';

export const deliveryStates = ['PENDING', 'SCHEDULED', 'PICKED_UP', 'DELIVERED', 'CANCELLED'] as const;
const State = z.enum(deliveryStates);

/** Where something is fetched, where it is brought, by whom and when: no dishes, and no prices. */
export const Delivery = z.object({
  orderId: Id,
  /** 1, and one more with each change. */
  revision: z.int().min(1),
  state: State,
  pickUpAddress: Address.optional(),
  deliveryAddress: Address,
  courierId: Id.optional(),
  readyBy: Timestamp.optional(),
  pickUpAt: Timestamp.optional(),
  dropOffAt: Timestamp.optional(),
});
export type Delivery = z.infer<typeof Delivery>;

export const Courier = z.object({
  courierId: Id,
  available: z.boolean(),
  /** What the courier is to do, in this order. */
  plan: z.array(
    z.object({ orderId: Id, action: z.enum(['PICK_UP', 'DROP_OFF']), address: Address, at: Timestamp }),
  ),
});
export type Courier = z.infer<typeof Courier>;

const News = z.object({ orderId: Id, revision: z.int().min(1), at: Timestamp });
const deliveryNotFound = { status: 404 } as const;
const deliveryStateForbids = { status: 409, data: z.object({ state: State }) } as const;

export const delivery = contract('delivery', {
  version: '1.0.0',
  description: 'Couriers, and what they bring where.',
  operations: {
    setAvailability: operation('PUT /courier/availability', {
      summary: 'Whether the courier who asks takes orders.',
      input: z.object({ available: z.boolean() }),
      output: Courier,
    }),
    getPlan: operation('GET /courier/plan', {
      summary: 'What the courier who asks is to do.',
      input: z.object({}),
      output: Courier,
    }),
    getDelivery: operation('GET /deliveries/:orderId', {
      input: z.object({ orderId: WantedId }),
      output: Delivery,
      errors: { deliveryNotFound },
    }),
    pickUp: operation('POST /deliveries/:orderId/pick-up', {
      summary: 'The courier who asks has it.',
      input: z.object({ orderId: WantedId }),
      output: Delivery,
      errors: { deliveryNotFound, deliveryStateForbids },
    }),
    dropOff: operation('POST /deliveries/:orderId/drop-off', {
      summary: 'The courier who asks has brought it.',
      input: z.object({ orderId: WantedId }),
      output: Delivery,
      errors: { deliveryNotFound, deliveryStateForbids },
    }),
    getRestaurantCopy: operation('GET /delivery-restaurants/:restaurantId', {
      summary: 'What is known here of a restaurant.',
      input: z.object({ restaurantId: Id }),
      output: z.object({ revision: z.int(), address: Address }),
      errors: { restaurantNotFound: { status: 404 } },
    }),
  },
  events: {
    courierAvailabilityChanged: event('CourierAvailabilityChanged', {
      data: z.object({ courierId: Id, available: z.boolean(), at: Timestamp }),
      key: 'courierId',
    }),
    scheduled: event('DeliveryScheduled', {
      data: News.extend({ courierId: Id, pickUpAt: Timestamp, dropOffAt: Timestamp }),
      key: 'orderId',
    }),
    pickedUp: event('DeliveryPickedUp', { data: News.extend({ courierId: Id }), key: 'orderId' }),
    delivered: event('DeliveryDelivered', { data: News.extend({ courierId: Id }), key: 'orderId' }),
    cancelled: event('DeliveryCancelled', { data: News, key: 'orderId' }),
  },
});
