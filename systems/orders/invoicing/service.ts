import { onRefusal, service } from '@banyan/banyan';
import { z } from 'zod';
import { measureDelay } from '../consistency/delay.ts';
import { FeedConfig } from '../consistency/feed-config.ts';
import { FiguresConfig, figuresOf } from '../consistency/figures.ts';
import { reconcile } from '../consistency/reconcile.ts';
import { order } from '../order/contract.ts';
import { shipping } from '../shipping/contract.ts';
import type { Delay } from '../vocabulary/consistency.ts';
import { totalOf } from '../vocabulary/money.ts';
import { nextPage, walk } from '../vocabulary/page.ts';
import { invoicing } from './contract.ts';
import { cancelInvoice, findInvoice, findInvoices, findOrphans, recordInvoice } from './invoices.ts';
import { orderFeed } from './order-feed.ts';
import { toInvoice } from './read-order.ts';

const delayFigures = figuresOf<Delay>();
const orphanFigures = figuresOf<{ deliveries: string[] }>();

export const invoicingService = service(invoicing, {
  uses: { order, shipping },
  config: FeedConfig.extend({
    ...FiguresConfig.shape,
    /** The agreed longest time until an accepted order is known here. */
    delayBoundSeconds: z.int().min(1).default(60),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  background: { orderFeed: orderFeed.run },
  operations: {
    showPage: async () => ({}),

    async listInvoices({ limit, before }, { sql }) {
      const found = await findInvoices(sql, { limit, before });
      const invoices = found.map((invoice) => ({ ...invoice, total: totalOf(invoice.lines) }));
      const ids = found.map(({ orderId }) => orderId);
      return { invoices, ...nextPage(ids, limit) };
    },

    async getInvoice({ orderId }, { sql, fail }) {
      const invoice = (await findInvoice(sql, orderId)) ?? fail('invoiceNotFound');
      return { ...invoice, total: totalOf(invoice.lines) };
    },

    async poll(_input, context) {
      if (context.config.orderFeedUrl === undefined) return context.fail('feedOff');
      return orderFeed.poll(context);
    },

    getFeedStatus: async (_input, { sql }) => orderFeed.status(sql),

    getDelay: (_input, { call, sql, config, log, resource }) =>
      resource(delayFigures).get(async () => {
        const accepted = walk((request) => call.order.listInvoiceData(request, { timeoutMs: 2_000 }));
        const boundMs = config.delayBoundSeconds * 1_000;
        const flow = { name: 'order → invoice', table: 'invoices', boundMs };
        const delay = await measureDelay(sql, { ...flow, accepted });
        if (delay.alarm) log.error('Orders have no invoice in time.', { overdue: delay.overdue.length });
        return delay;
      }),

    listOrphans: (_input, { call, sql, resource }) =>
      resource(orphanFigures).get(async () => {
        const delivered = walk((request) => call.shipping.listOrderIds(request));
        return { deliveries: await findOrphans(sql, delivered) };
      }),

    async reconcile(_input, { call, sql, log }) {
      const repairs = await reconcile({
        truth: walk((request) => call.order.listInvoiceData(request)),
        find: (orderId) => findInvoice(sql, orderId),
        derive: (data) => recordInvoice(sql, data, true),
        ids: async () =>
          (await sql<{ orderId: string }>`select order_id from invoices`).map((row) => row.orderId),
        exists: (orderId) =>
          call.order.getInvoiceData({ orderId }).then(
            () => true,
            onRefusal(order.operations.getInvoiceData, 'orderNotFound', () => false),
          ),
        remove: (orderId) => sql`delete from invoices where order_id = ${orderId}`,
      });
      log.info('Invoices were compared with the orders.', { ...repairs });
      return repairs;
    },
  },
  on: {
    'order.accepted': async (record, { sql }) => recordInvoice(sql, toInvoice(record)),
    'order.acceptedForInvoicing': async (data, { sql }) => recordInvoice(sql, data),
    'order.acceptedReference': async ({ orderId }, { call, sql }) => {
      await recordInvoice(sql, await call.order.getInvoiceData({ orderId }));
    },
    'order.cancelled': async (cancellation, { sql }) => cancelInvoice(sql, cancellation),
  },
});
