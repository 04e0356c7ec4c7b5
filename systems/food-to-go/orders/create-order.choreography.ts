import type { OutputOf } from '@banyan/banyan';
import type { accounting } from '../accounting/contract.ts';
import type { consumers } from '../consumers/contract.ts';
import type { kitchen } from '../kitchen/contract.ts';
import { changeOrder, type OrderTx } from './change-order.ts';
import { findOrder } from './order-table.ts';

type ConsumerRefused = OutputOf<typeof consumers.events.refused.data>;
type TicketRefused = OutputOf<typeof kitchen.events.ticketRefused.data>;
type TicketConfirmed = OutputOf<typeof kitchen.events.ticketConfirmed.data>;
type CardRefused = OutputOf<typeof accounting.events.cardRefused.data>;

const coordination = 'choreography';

/** The part of this service in a choreographed order: it hears how it ended, or who refused. Who asks whom, and in what order, it does not know. */
export const choreography = {
  async 'kitchen.ticketConfirmed'({ orderId, ...ticket }: TicketConfirmed, context: OrderTx) {
    if (ticket.coordination === coordination) await end(context, orderId, { change: 'approve' });
  },

  async 'consumers.refused'({ orderId, reason }: ConsumerRefused, context: OrderTx) {
    await end(context, orderId, { change: 'reject', reason });
  },

  async 'kitchen.ticketRefused'({ orderId, reason }: TicketRefused, context: OrderTx) {
    await end(context, orderId, { change: 'reject', reason });
  },

  async 'accounting.cardRefused'({ orderId, reason: why }: CardRefused, context: OrderTx) {
    const reason = why === 'deadline' ? why : `cardDeclined: ${why}`;
    await end(context, orderId, { change: 'reject', reason });
  },
};

/** The time of an order is over. It is not rejected here: whoever authorizes the card may be doing so at this moment, and decides. */
export async function endApproval(
  { orderId }: { readonly orderId: string },
  { sql, emit }: OrderTx,
): Promise<void> {
  const order = await findOrder(sql, orderId);
  if (order?.state !== 'APPROVAL_PENDING') return;
  emit('approvalExpired', { orderId, consumerId: order.consumerId, at: new Date().toISOString() });
}

type Ending = { readonly change: 'approve' } | { readonly change: 'reject'; readonly reason: string };

/** Once: who refused first is right, and there is nobody to approve what was refused. */
async function end(context: OrderTx, orderId: string, ending: Ending): Promise<void> {
  const order = await findOrder(context.sql, orderId);
  if (order?.state !== 'APPROVAL_PENDING') return;
  const command = { ...ending, at: new Date().toISOString() };
  await changeOrder(context, { orderId, command, by: coordination });
}
