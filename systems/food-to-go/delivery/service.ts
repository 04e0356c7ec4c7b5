import { type Sql, service } from '@banyan/banyan';
import { kitchen } from '../kitchen/contract.ts';
import { orders } from '../orders/contract.ts';
import { restaurants } from '../restaurants/contract.ts';
import { signedIn } from '../vocabulary/signed-in.ts';
import { type Delivery, delivery } from './contract.ts';
import {
  copyDestination,
  copyRestaurant,
  copyRevision,
  findRestaurantCopy,
  forgetDestination,
} from './copies.ts';
import { changeDelivery, findDelivery, insertDelivery, recordReadiness } from './deliveries.ts';
import { findCourier, recordAvailability, reschedule } from './schedule.ts';

/**
 * Calls nobody. A delivery comes about when a restaurant accepts a ticket, and is put together from what three services tell, in whatever order that comes:
 * from where, to where, and when. What is complete is given to a courier; what is not waits, and fails nothing.
 */
export const deliveryService = service(delivery, {
  uses: { restaurants, orders, kitchen },
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async setAvailability({ available }, { tx, caller }) {
      const courierId = signedIn(caller);
      return tx(async ({ sql, emit }) => {
        await reschedule({ sql, emit }, async () => {
          const at = await recordAvailability(sql, { courierId, available });
          if (at !== undefined) emit('courierAvailabilityChanged', { courierId, available, at });
        });
        return findCourier(sql, courierId);
      });
    },

    getPlan: async (_input, { sql, caller }) => findCourier(sql, signedIn(caller)),

    async getDelivery({ orderId }, { sql, caller, fail }) {
      const isStaff = caller.user?.scopes.includes('staff') ?? false;
      const found = await findDelivery(sql, orderId);
      const isConcerned = isStaff || (found?.parties.includes(signedIn(caller)) ?? false);
      // Of those of others it is not even known here that they exist.
      return found !== undefined && isConcerned ? found.delivery : fail('deliveryNotFound');
    },

    async pickUp({ orderId }, { tx, caller, fail }) {
      const courierId = signedIn(caller);
      return tx(async ({ sql, emit }) => {
        const before = (await findOwn(sql, { orderId, courierId })) ?? fail('deliveryNotFound');
        if (before.state === 'SCHEDULED' && !before.isReady) return fail('notReady');
        const changed = await changeDelivery(sql, { orderId, change: 'pickUp' });
        if (changed === undefined) return fail('deliveryStateForbids', { state: before.state });
        emit('pickedUp', { orderId, courierId, ...changed });
        return (await findOwn(sql, { orderId, courierId })) ?? fail('deliveryNotFound');
      });
    },

    async dropOff({ orderId }, { tx, caller, fail }) {
      const courierId = signedIn(caller);
      return tx(async ({ sql, emit }) => {
        const before = (await findOwn(sql, { orderId, courierId })) ?? fail('deliveryNotFound');
        const changed = await changeDelivery(sql, { orderId, change: 'dropOff' });
        if (changed === undefined) return fail('deliveryStateForbids', { state: before.state });
        emit('delivered', { orderId, courierId, ...changed });
        return (await findOwn(sql, { orderId, courierId })) ?? fail('deliveryNotFound');
      });
    },

    async getRestaurantCopy({ restaurantId }, { sql, fail }) {
      return (await findRestaurantCopy(sql, restaurantId)) ?? fail('restaurantNotFound');
    },
  },
  on: {
    'restaurants.created': async ({ restaurantId, revision, address, at }, { sql, emit }) =>
      reschedule({ sql, emit }, () =>
        copyRestaurant(sql, { restaurantId, revision, address, changedAt: at }),
      ),
    'restaurants.menuRevised': async ({ restaurantId, revision, at }, { sql }) =>
      copyRevision(sql, { restaurantId, revision, changedAt: at }),
    'orders.created': async ({ orderId, consumerId, deliveryAddress: address }, { sql, emit }) =>
      reschedule({ sql, emit }, () => copyDestination(sql, { orderId, consumerId, address })),
    'orders.rejected': async ({ orderId }, { sql }) => forgetDestination(sql, orderId),
    'kitchen.ticketAccepted': async (ticket, { sql, emit }) =>
      reschedule({ sql, emit }, () => insertDelivery(sql, ticket)),
    'kitchen.ticketReady': async ({ orderId }, { sql, emit }) =>
      reschedule({ sql, emit }, () => recordReadiness(sql, orderId)),
    'kitchen.ticketCancelled': async ({ orderId }, { sql, emit }) =>
      reschedule({ sql, emit }, async () => {
        const changed = await changeDelivery(sql, { orderId, change: 'cancel' });
        if (changed !== undefined) emit('cancelled', { orderId, ...changed });
      }),
  },
});

/** A delivery that this courier was given, whatever has become of it. */
async function findOwn(
  sql: Sql,
  { orderId, courierId }: { readonly orderId: string; readonly courierId: string },
): Promise<Delivery | undefined> {
  const found = await findDelivery(sql, orderId);
  return found?.delivery.courierId === courierId ? found.delivery : undefined;
}
