import { setTimeout as pause } from 'node:timers/promises';
import { service } from '@banyan/banyan';
import { orders } from '../orders/contract.ts';
import { signedIn } from '../vocabulary/signed-in.ts';
import { orderHistory } from './contract.ts';
import { findOrder, findOrders } from './find-orders.ts';
import { parsePageToken, toPageToken } from './page-token.ts';
import { rebuild, receive } from './view.ts';

const maxWaitMs = 2_000;
const waitStepMs = 20;

/** Calls nobody, so it answers whoever else is down. */
export const orderHistoryService = service(orderHistory, {
  uses: { orders },
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async listOrders({ page, limit, since, until, status, keyword }, { sql, caller, fail }) {
      const after = page === undefined ? undefined : (parsePageToken(page) ?? fail('unknownPage'));
      const search = { consumerId: signedIn(caller), since, until, status, keyword, after };
      // One more than wanted tells whether there is another page.
      const found = await findOrders(sql, { ...search, limit: limit + 1 });
      const orders = found.slice(0, limit);
      const last = found.length > limit ? orders.at(-1) : undefined;
      return { orders, ...(last && { next: toPageToken(last) }) };
    },

    async getOrder({ orderId, atLeast = -1 }, { sql, caller, signal, fail }) {
      const wanted = { orderId, consumerId: signedIn(caller) };
      const untilMs = performance.now() + maxWaitMs;
      let order = await findOrder(sql, wanted);
      // What the client was told of may still be on its way.
      while ((order?.revision ?? -1) < atLeast && performance.now() < untilMs) {
        await pause(waitStepMs, undefined, { signal });
        order = await findOrder(sql, wanted);
      }
      if (order !== undefined && order.revision < atLeast) return fail('behind', { atLeast });
      return order ?? fail('orderNotFound');
    },

    async rebuild(_input, { tx, log }) {
      const count = await tx(({ sql }) => rebuild(sql));
      log.info('The view was made anew.', { orders: count });
      return { orders: count };
    },
  },
  on: {
    'orders.created': async (event, { sql }) =>
      receive(sql, { ...event, status: 'APPROVAL_PENDING', createdAt: event.at }),
    'orders.approved': async (event, { sql }) => receive(sql, { ...event, status: 'APPROVED' }),
    'orders.rejected': async ({ reason: rejection, ...event }, { sql }) =>
      receive(sql, { ...event, status: 'REJECTED', rejection }),
    'orders.revised': async (event, { sql }) => receive(sql, { ...event, status: 'APPROVED' }),
    'orders.cancelled': async (event, { sql }) => receive(sql, { ...event, status: 'CANCELLED' }),
    'orders.delivered': async (event, { sql }) => receive(sql, { ...event, status: 'DELIVERED' }),
    'orders.reinstated': async (event, { sql }) => receive(sql, { ...event, status: 'APPROVED' }),
  },
});
