import { compose, contract } from '@banyan/banyan';
import { z } from 'zod';
import { delivery } from '../delivery/contract.ts';
import { kitchen } from '../kitchen/contract.ts';
import { orders } from '../orders/contract.ts';
import { WantedId } from '../vocabulary/text.ts';

const input = { orderId: 'input.orderId' } as const;
/** What is not there within a second, nobody waits for. */
const beside = { input, timeoutMs: 1_000 } as const;

/** The same for phones: what fits on a small screen, and nothing that is paid for by the byte in vain. */
export const phoneScreens = contract('phone-screens', {
  version: '1.0.0',
  description: 'Answers put together for phones.',
  operations: {
    orderDetails: compose('GET /phone/orders/:orderId', {
      summary: 'How an order stands: its state, its price, and when it comes.',
      input: z.object({ orderId: WantedId }),
      timeoutMs: 5_000,
      parts: (none) =>
        none
          .mandatory('order', [orders, 'getOrder'], { input, fields: ['state', 'total'] })
          .optional('ticket', [kitchen, 'getOrderTicket'], { ...beside, access: 'user', fields: ['state'] })
          .optional('delivery', [delivery, 'getDelivery'], { ...beside, fields: ['state', 'dropOffAt'] }),
    }),
  },
});
