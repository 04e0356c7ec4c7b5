import { saga } from '@banyan/banyan';
import { z } from 'zod';
import { accounting } from '../accounting/contract.ts';
import { kitchen } from '../kitchen/contract.ts';
import { Id } from '../vocabulary/text.ts';
import { orders } from './contract.ts';
import { changing } from './saga-steps.ts';

/** Cancels an order everywhere, or, if the kitchen has begun to prepare it, nowhere. */
export const cancelOrder = saga('cancelOrder', {
  version: 1,
  input: z.object({ orderId: Id }),
  contract: orders,
})
  // The order has been CANCEL_PENDING since the transaction that started this.
  .step('pending', { undo: changing('undoCancel') })
  .step('beginCancelTicket', {
    call: kitchen.operations.beginCancel,
    with: ({ input: { orderId } }) => ({ orderId }),
    undo: { call: kitchen.operations.undoCancel, with: ({ input: { orderId } }) => ({ orderId }) },
  })
  .pivot('reverseAuthorization', {
    call: accounting.operations.reverse,
    with: ({ input: { orderId } }) => ({ orderId }),
  })
  .step('confirmCancelTicket', {
    call: kitchen.operations.confirmCancel,
    with: ({ input: { orderId } }) => ({ orderId }),
  })
  .step('confirmCancel', changing('confirmCancel'));
