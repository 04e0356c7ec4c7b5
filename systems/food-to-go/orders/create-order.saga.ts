import { saga } from '@banyan/banyan';
import { z } from 'zod';
import { accounting } from '../accounting/contract.ts';
import { consumers } from '../consumers/contract.ts';
import { kitchen } from '../kitchen/contract.ts';
import { Money } from '../vocabulary/money.ts';
import { Id } from '../vocabulary/text.ts';
import { orders } from './contract.ts';
import { changing, rejecting } from './saga-steps.ts';

const PlacedOrder = z.object({
  orderId: Id,
  consumerId: z.string(),
  restaurantId: Id,
  menuRevision: z.int(),
  lines: z.array(z.object({ menuItemId: z.string(), quantity: z.int() })),
  total: Money,
});

/**
 * Carries a new order to its approval. Until the card is authorized everything can be undone, last first; from then on the order goes through, whoever is
 * away for however long.
 */
export const createOrder = saga('createOrder', { version: 1, input: PlacedOrder, contract: orders })
  // The order has been on record, APPROVAL_PENDING, since the transaction that started this.
  .step('pending', { undo: rejecting })
  .step('verifyConsumer', {
    call: consumers.operations.verifyConsumer,
    with: ({ input: { consumerId, orderId, total } }) => ({ consumerId, orderId, total }),
  })
  .step('createTicket', {
    call: kitchen.operations.createTicket,
    with: ({ input: { orderId, restaurantId, menuRevision, lines } }) => {
      return { orderId, restaurantId, menuRevision, lines };
    },
    undo: { call: kitchen.operations.cancelCreate, with: ({ input: { orderId } }) => ({ orderId }) },
  })
  .pivot('authorize', {
    call: accounting.operations.authorize,
    with: ({ input: { orderId, consumerId, total } }) => ({ orderId, consumerId, amount: total }),
  })
  .step('confirmTicket', {
    call: kitchen.operations.confirmCreate,
    with: ({ input: { orderId } }) => ({ orderId }),
  })
  .step('approve', changing('approve'));
