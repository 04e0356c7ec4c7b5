import { type Caller, isServiceError, ServiceError, type Sql, service } from '@banyan/banyan';
import { z } from 'zod';
import { accounting } from '../accounting/contract.ts';
import { consumers } from '../consumers/contract.ts';
import { delivery } from '../delivery/contract.ts';
import { kitchen } from '../kitchen/contract.ts';
import { restaurants } from '../restaurants/contract.ts';
import { Coordination } from '../vocabulary/coordination.ts';
import { totalOf } from '../vocabulary/money.ts';
import { signedIn } from '../vocabulary/signed-in.ts';
import { beginApproval, linesOf } from './begin-approval.ts';
import { cancelOrder } from './cancel-order.saga.ts';
import { changeOrder, orderStore, ordersIn } from './change-order.ts';
import { type Order, orders } from './contract.ts';
import { countWaiting } from './count-waiting.ts';
import { choreography, endApproval } from './create-order.choreography.ts';
import { createOrder } from './create-order.saga.ts';
import { findOrder, saveOrder, toOrder } from './order-table.ts';
import { orderIdFor, priceLines } from './place-order.ts';
import { begin, findProcesses } from './processes.ts';
import { rebuildOrders } from './rebuild-orders.ts';
import { refusingAs } from './refusals.ts';
import { copyRestaurant, findRestaurantCopy, reviseCopiedMenu } from './restaurant-copies.ts';
import { reviseOrder } from './revise-order.saga.ts';

const { operations } = orders;

export const ordersService = service(orders, {
  uses: { consumers, restaurants, kitchen, accounting, delivery },
  config: z.object({
    /** Who carries new orders to their approval. */
    createOrder: Coordination.default('orchestration'),
    /** What has not become certain after so long is undone. */
    deadlineSeconds: z.int().min(1).default(600),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  sagas: [createOrder, cancelOrder, reviseOrder],
  operations: {
    async createOrder(request, context) {
      const { restaurantId, deliveryAddress, lineItems: wanted } = request;
      const { tx, caller, config, fail, idempotencyKey: key } = context;
      const consumerId = signedIn(caller);
      return tx(async (tx) => {
        const { sql } = tx;
        const orderId = (await orderIdFor(sql, { consumerId, key, request })) ?? fail('idempotencyKeyReused');
        const earlier = await findOrder(sql, orderId);
        if (earlier !== undefined) return earlier;

        const copy = (await findRestaurantCopy(sql, restaurantId)) ?? fail('unknownRestaurant');
        const priced = priceLines(copy, wanted);
        if ('unknown' in priced) return fail('unknownMenuItem', { menuItemId: priced.unknown });
        const { revision, name, minimumOrder } = copy;
        const coordination = config.createOrder;
        const order = {
          ...{ consumerId, minimumOrder, deliveryAddress, coordination, lineItems: priced.lineItems },
          restaurant: { restaurantId, name, revision },
        };
        const command = { change: 'place', order, at: now() } as const;
        await changeOrder(tx, { orderId, command, by: consumerId }).catch(
          refusingAs(operations.createOrder, fail),
        );
        const placed = (await findOrder(sql, orderId)) ?? missing();
        const deadlineMs = config.deadlineSeconds * 1_000;
        await beginApproval[coordination]({ order: placed, menuRevision: revision, deadlineMs }, tx);
        return placed;
      });
    },

    async getOrder({ orderId, asOf }, context) {
      const { sql, caller, fail } = context;
      const order = (await findOwn(sql, orderId, caller)) ?? fail('orderNotFound');
      if (asOf === undefined) return order;
      return (
        toOrder(orderId, await ordersIn(context).load(orderId, { recordedUntil: asOf })) ??
        fail('orderNotFound')
      );
    },

    async cancelOrder({ orderId }, { tx, caller, config, fail }) {
      return tx(async (tx) => {
        if ((await findOwn(tx.sql, orderId, caller)) === undefined) return fail('orderNotFound');
        const command = { change: 'beginCancel', at: now() } as const;
        await changeOrder(tx, { orderId, command, by: signedIn(caller) }).catch(
          refusingAs(operations.cancelOrder, fail),
        );
        await begin(tx, cancelOrder, { input: { orderId }, deadlineMs: config.deadlineSeconds * 1_000 });
        return (await findOrder(tx.sql, orderId)) ?? missing();
      });
    },

    async reviseOrder({ orderId, expectedRevision: expected, quantities }, { tx, caller, config, fail }) {
      return tx(async (tx) => {
        if ((await findOwn(tx.sql, orderId, caller)) === undefined) return fail('orderNotFound');
        const command = { change: 'beginRevision', quantities, at: now() } as const;
        const { state } = await changeOrder(tx, { orderId, command, by: signedIn(caller), expected }).catch(
          refusingAs(operations.reviseOrder, fail),
        );
        const revised = state?.revisedLineItems ?? [];
        const input = { orderId, lines: linesOf(revised), total: totalOf(revised) };
        await begin(tx, reviseOrder, { input, deadlineMs: config.deadlineSeconds * 1_000 });
        return (await findOrder(tx.sql, orderId)) ?? missing();
      });
    },

    async listChanges({ orderId }, context) {
      const events = await orderStore(context).readStream(`order-${orderId}`);
      if (events.length === 0) return context.fail('orderNotFound');
      return {
        changes: events.map(({ revision, recordedAt, type, metadata }) => ({
          ...{ revision, at: recordedAt, change: type },
          by: String(metadata['by']),
        })),
      };
    },

    async listProcesses({ orderId }, { sql, sagas, fail }) {
      if ((await findOrder(sql, orderId)) === undefined) return fail('orderNotFound');
      const found = await Promise.all(
        (await findProcesses(sql, orderId)).map((sagaId) => sagas.read(sagaId)),
      );
      return {
        processes: found
          .filter((view) => view !== undefined)
          .map(({ id: sagaId, saga, status, progress, failure }) => ({
            ...{ sagaId, saga, status, progress },
            ...(failure && { failure }),
          })),
      };
    },

    async reverseChange({ orderId, reason }, context) {
      const { tx, caller, fail } = context;
      return tx(async (tx) => {
        if ((await findOrder(tx.sql, orderId)) === undefined) return fail('orderNotFound');
        const metadata = { by: signedIn(caller), reason };
        const reversed = await ordersIn(tx)
          .reverse(orderId, 1, { tx, metadata })
          .catch((error) =>
            isServiceError(error) && error.reason === 'not_reversible' ? fail('notReversible') : raise(error),
          );
        await saveOrder(tx.sql, orderId, reversed);
        return (await findOrder(tx.sql, orderId)) ?? missing();
      });
    },

    async rebuild(_input, context) {
      return { orders: await context.tx((tx) => rebuildOrders(context, tx)) };
    },

    async getRestaurantCopy({ restaurantId }, { sql, fail }) {
      const { revision, name, menu } =
        (await findRestaurantCopy(sql, restaurantId)) ?? fail('restaurantNotFound');
      return { revision, name, menuItemIds: menu.map(({ menuItemId }) => menuItemId) };
    },
  },
  background: { countWaiting },
  messages: { endApproval },
  on: {
    ...choreography,
    'restaurants.created': (restaurant, { sql }) => copyRestaurant(sql, restaurant),
    'restaurants.menuRevised': (revision, { sql }) => reviseCopiedMenu(sql, revision),
    'delivery.delivered': async ({ orderId, at }, context) => {
      const order = await findOrder(context.sql, orderId);
      // Somebody holds its lock: the news comes again.
      if (order?.state.endsWith('_PENDING')) throw locked();
      if (order?.state === 'APPROVED') {
        await changeOrder(context, { orderId, command: { change: 'deliver', at }, by: 'delivery' });
      } else context.log.warn('What is not approved was delivered.', { orderId, state: order?.state });
    },
  },
});

/** An order as far as whoever asks may know of it: their own, and for staff every one. */
async function findOwn(sql: Sql, orderId: string, caller: Caller): Promise<Order | undefined> {
  const order = await findOrder(sql, orderId);
  const isStaff = caller.user?.scopes.includes('staff') === true;
  return isStaff || order?.consumerId === signedIn(caller) ? order : undefined;
}

function now(): string {
  return new Date().toISOString();
}

function locked(): ServiceError {
  return new ServiceError('The order is being changed.', { code: 'unavailable', reason: 'order_locked' });
}

function missing(): never {
  throw new Error('The order was not stored.');
}

function raise(error: unknown): never {
  throw error;
}
