import { compose, contract } from '@banyan/banyan';
import { z } from 'zod';
import { accounting } from '../accounting/contract.ts';
import { delivery } from '../delivery/contract.ts';
import { kitchen } from '../kitchen/contract.ts';
import { orders } from '../orders/contract.ts';
import { WantedId } from '../vocabulary/text.ts';

const input = { orderId: 'input.orderId' } as const;
/** What is not there within a second, nobody waits for. */
const beside = { input, timeoutMs: 1_000 } as const;

/** What pages in a browser show, each with one request. The gateway keeps it; whose order it is, `orders` says. */
export const webScreens = contract('web-screens', {
  version: '1.0.0',
  description: 'Answers put together for pages in a browser.',
  operations: {
    orderDetails: compose('GET /orders/:orderId/details', {
      summary: 'An order with its ticket, its delivery and its bill; `missing` says what is not there.',
      input: z.object({ orderId: WantedId }),
      timeoutMs: 5_000,
      parts: (none) =>
        none
          .mandatory('order', [orders, 'getOrder'], { input })
          // Whoever may not see the order gets no answer at all, so this need not ask again.
          .optional('ticket', [kitchen, 'getOrderTicket'], { ...beside, access: 'user' })
          .optional('delivery', [delivery, 'getDelivery'], beside)
          .optional('bill', [accounting, 'getBill'], beside),
    }),
  },
});
