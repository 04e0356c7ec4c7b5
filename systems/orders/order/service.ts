import { type Sql, service, type Tx } from '@banyan/banyan';
import { z } from 'zod';
import { totalOf } from '../vocabulary/money.ts';
import { nextPage } from '../vocabulary/page.ts';
import { isId } from '../vocabulary/text.ts';
import { changePrice, findCustomer, findCustomers, findItems, priceLines } from './catalogue.ts';
import { type Change, cancel, insertOrder, updateAddresses } from './change-order.ts';
import { type OrderRecord, order, PublicJwk } from './contract.ts';
import { toDeliveryData, toInvoiceData } from './extracts.ts';
import { findNewest, findOldest, findOrder } from './find-orders.ts';
import { appendOrder, EventStyle, emitOrder, orderFeed } from './publish.ts';

export const orderService = service(order, {
  config: z.object({
    events: EventStyle.default('fat'),
    /** Public keys of whoever signs in staff, as JSON. This system keeps no passwords; without keys nobody is staff. */
    staffKeys: z.string().default('[]').transform(parseKeys),
  }),
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    showPage: async () => ({}),

    async listCustomers(_input, { sql }) {
      return { customers: await findCustomers(sql) };
    },

    async listItems(_input, { sql }) {
      return { items: await findItems(sql) };
    },

    async addLine({ orderLine, itemId, count }, { sql, fail }) {
      const first = itemId ?? (await findItems(sql))[0]?.itemId ?? '';
      const priced = await priceLines(sql, [...orderLine, { itemId: first, count }]);
      if ('unknownItem' in priced) return fail('unknownItem', { itemId: priced.unknownItem });
      const { lines } = priced;
      return { orderLine: lines, numberOfLines: lines.length, total: totalOf(lines) };
    },

    async placeOrder(request, { sql, tx, config, idempotencyKey, fail, log }) {
      const { customerId, shippingAddress, billingAddress } = request;
      const customer = (await findCustomer(sql, customerId)) ?? fail('unknownCustomer');
      const priced = await priceLines(sql, request.orderLine);
      if ('unknownItem' in priced) return fail('unknownItem', { itemId: priced.unknownItem });
      const orderLine = priced.lines;
      const order = { customer, shippingAddress, billingAddress, orderLine };
      const placed = await tx(async ({ sql, emit }) => {
        const inserted = await insertOrder(sql, { order, request, idempotencyKey });
        if (inserted.result === 'keyReused') return fail('idempotencyKeyReused');
        await tell(inserted, { sql, emit, config });
        return inserted;
      });
      const { result, record } = placed;
      if (result === 'changed') log.info('An order was accepted.', { orderId: record.id });
      return record;
    },

    async listOrders({ limit, before }, { sql }) {
      const orders = await findNewest(sql, { limit, before });
      const ids = orders.map(({ id }) => id);
      return { orders, ...nextPage(ids, limit) };
    },

    feed: orderFeed.serve,

    async getOrder({ orderId }, { sql, fail }) {
      const record = (await findOrder(sql, orderId)) ?? fail('orderNotFound');
      return { ...record, total: totalOf(record.orderLine) };
    },

    async changeAddresses({ orderId, shippingAddress, billingAddress }, { tx, config, fail }) {
      const record = await tx(async ({ sql, emit }) => {
        const change = await updateAddresses(sql, orderId, { shippingAddress, billingAddress });
        if (change.result === 'unchanged') return fail('orderCancelled');
        return tell(change, { sql, emit, config });
      });
      return record ?? fail('orderNotFound');
    },

    async cancelOrder({ orderId }, { tx, config, fail }) {
      const record = await tx(async ({ sql, emit }) =>
        tell(await cancel(sql, orderId), { sql, emit, config }),
      );
      return record ?? fail('orderNotFound');
    },

    async changePrice({ itemId, amount }, { sql, fail }) {
      if (!isId(itemId)) return fail('itemNotFound');
      return (await changePrice(sql, { itemId, amount })) ?? fail('itemNotFound');
    },

    staffKeys: async (_input, { config }) => ({ keys: config.staffKeys }),

    async getDeliveryData({ orderId }, { sql, fail }) {
      return toDeliveryData((await findOrder(sql, orderId)) ?? fail('orderNotFound'));
    },

    async listDeliveryData({ after, limit }, { sql }) {
      const entries = (await findOldest(sql, { after, limit })).map(toDeliveryData);
      const ids = entries.map(({ orderId }) => orderId);
      return { entries, ...nextPage(ids, limit) };
    },

    async getInvoiceData({ orderId }, { sql, fail }) {
      return toInvoiceData((await findOrder(sql, orderId)) ?? fail('orderNotFound'));
    },

    async listInvoiceData({ after, limit }, { sql }) {
      const entries = (await findOldest(sql, { after, limit })).map(toInvoiceData);
      const ids = entries.map(({ orderId }) => orderId);
      return { entries, ...nextPage(ids, limit) };
    },
  },
});

function parseKeys(text: string, context: z.RefinementCtx): z.infer<typeof PublicJwk>[] {
  try {
    return z.array(PublicJwk).parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: 'custom', message: 'must be a JSON list of public keys (JWK)' });
    return z.NEVER;
  }
}

interface Telling {
  readonly sql: Sql;
  readonly emit: Tx<typeof order>['emit'];
  readonly config: { readonly events: EventStyle };
}

/** Publishes what has changed, in the transaction that changed it. @returns the order as it is now; undefined if there is none */
async function tell(change: Change, { sql, emit, config }: Telling): Promise<OrderRecord | undefined> {
  if (change.result === 'notFound') return undefined;
  if (change.result === 'changed') {
    emitOrder(emit, change.record, config.events);
    await appendOrder(sql, change.record);
  }
  return change.record;
}
