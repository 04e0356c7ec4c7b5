import { flow } from '@banyan/banyan';
import { accounting } from '../accounting/contract.ts';
import { consumers } from '../consumers/contract.ts';
import { kitchen } from '../kitchen/contract.ts';
import { orders } from '../orders/contract.ts';

/**
 * The way of a new order to its approval or rejection, as everybody can hear it. Nobody follows this: it says what is expected, whoever sees to it. What a
 * saga asks for and what services do by themselves is told by the same events, except that a refusal within a saga is told to the saga alone.
 */
export const createOrder = flow('createOrder', {
  key: 'orderId',
  steps: {
    order: { done: orders.events.created },
    consumer: { done: consumers.events.verified, failed: consumers.events.refused },
    ticket: {
      done: kitchen.events.ticketCreated,
      failed: kitchen.events.ticketRefused,
      undone: kitchen.events.ticketCancelled,
    },
    card: { done: accounting.events.cardAuthorized, failed: accounting.events.cardRefused },
    confirmation: { done: kitchen.events.ticketConfirmed },
  },
  ends: { well: orders.events.approved, badly: orders.events.rejected },
  lateAfterMs: 60_000,
});
