import { drawFlow, type FlowView, service } from '@banyan/banyan';
import { accounting } from '../accounting/contract.ts';
import { consumers } from '../consumers/contract.ts';
import { kitchen } from '../kitchen/contract.ts';
import { orders } from '../orders/contract.ts';
import { type Progress, progress } from './contract.ts';
import { createOrder } from './create-order.flow.ts';

export const progressService = service(progress, {
  uses: { orders, consumers, kitchen, accounting },
  flows: [createOrder],
  operations: {
    async listCreateOrder({ status, limit, page }, { flows }) {
      const found = await flows.list(createOrder, { status, limit, after: page });
      const { next } = found;
      return { orders: found.flows.map(toProgress), ...(next !== undefined && { next }) };
    },

    async getCreateOrder({ orderId }, { flows, fail }) {
      return toProgress((await flows.read(createOrder, orderId)) ?? fail('progressNotFound'));
    },

    async drawCreateOrder({ orderId }, { flows, fail }) {
      const view = (await flows.read(createOrder, orderId)) ?? fail('progressNotFound');
      return { contentType: 'image/svg+xml', body: Buffer.from(drawFlow(createOrder, view)) };
    },
  },
});

function toProgress({ key: orderId, steps, waitsFor, ...view }: FlowView): Progress {
  const events = waitsFor.flatMap((awaited) => awaited.events);
  return { orderId, ...view, steps: steps.map((step) => ({ ...step })), waitsFor: events };
}
