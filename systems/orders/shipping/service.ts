import { onRefusal, service } from '@banyan/banyan';
import { z } from 'zod';
import { measureDelay } from '../consistency/delay.ts';
import { FeedConfig } from '../consistency/feed-config.ts';
import { FiguresConfig, figuresOf } from '../consistency/figures.ts';
import { reconcile } from '../consistency/reconcile.ts';
import { order } from '../order/contract.ts';
import type { Delay } from '../vocabulary/consistency.ts';
import { nextPage, walk } from '../vocabulary/page.ts';
import { shipping } from './contract.ts';
import { orderFeed } from './order-feed.ts';
import { toDelivery } from './read-order.ts';
import {
  cancelShipment,
  findOrderIds,
  findShipment,
  findShipments,
  recordShipment,
  weightOf,
} from './shipments.ts';

const delayFigures = figuresOf<Delay>();

export const shippingService = service(shipping, {
  uses: { order },
  config: FeedConfig.extend({
    ...FiguresConfig.shape,
    /** The agreed longest time until an accepted order is known here. */
    delayBoundSeconds: z.int().min(1).default(60),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  background: { orderFeed: orderFeed.run },
  operations: {
    showPage: async () => ({}),

    async listShipments({ limit, before }, { sql }) {
      const found = await findShipments(sql, { limit, before });
      const shipments = found.map((shipment) => ({ ...shipment, weightGrams: weightOf(shipment) }));
      const ids = found.map(({ orderId }) => orderId);
      return { shipments, ...nextPage(ids, limit) };
    },

    async getShipment({ orderId }, { sql, fail }) {
      const shipment = (await findShipment(sql, orderId)) ?? fail('shipmentNotFound');
      return { ...shipment, weightGrams: weightOf(shipment) };
    },

    async poll(_input, context) {
      if (context.config.orderFeedUrl === undefined) return context.fail('feedOff');
      return orderFeed.poll(context);
    },

    getFeedStatus: async (_input, { sql }) => orderFeed.status(sql),

    getDelay: (_input, { call, sql, config, log, resource }) =>
      resource(delayFigures).get(async () => {
        const accepted = walk((request) => call.order.listDeliveryData(request, { timeoutMs: 2_000 }));
        const boundMs = config.delayBoundSeconds * 1_000;
        const flow = { name: 'order → shipment', table: 'shipments', boundMs };
        const delay = await measureDelay(sql, { ...flow, accepted });
        if (delay.alarm) log.error('Orders have no shipment in time.', { overdue: delay.overdue.length });
        return delay;
      }),

    async listOrderIds({ after, limit }, { sql }) {
      const entries = await findOrderIds(sql, { after, limit });
      const ids = entries.map(({ orderId }) => orderId);
      return { entries, ...nextPage(ids, limit) };
    },

    async reconcile(_input, { call, sql, log }) {
      const repairs = await reconcile({
        truth: walk((request) => call.order.listDeliveryData(request)),
        find: (orderId) => findShipment(sql, orderId),
        derive: (data) => recordShipment(sql, data, true),
        ids: async () =>
          (await sql<{ orderId: string }>`select order_id from shipments`).map((row) => row.orderId),
        exists: (orderId) =>
          call.order.getDeliveryData({ orderId }).then(
            () => true,
            onRefusal(order.operations.getDeliveryData, 'orderNotFound', () => false),
          ),
        remove: (orderId) => sql`delete from shipments where order_id = ${orderId}`,
      });
      log.info('Shipments were compared with the orders.', { ...repairs });
      return repairs;
    },
  },
  on: {
    'order.accepted': async (record, { sql }) => recordShipment(sql, toDelivery(record)),
    'order.acceptedForShipping': async (data, { sql }) => recordShipment(sql, data),
    'order.acceptedReference': async ({ orderId }, { call, sql }) => {
      await recordShipment(sql, await call.order.getDeliveryData({ orderId }));
    },
    'order.cancelled': async (cancellation, { sql }) => cancelShipment(sql, cancellation),
  },
});
