import { saga } from '@banyan/banyan';
import { z } from 'zod';
import { accounting } from '../accounting/contract.ts';
import { kitchen } from '../kitchen/contract.ts';
import { Money } from '../vocabulary/money.ts';
import { Id } from '../vocabulary/text.ts';
import { orders } from './contract.ts';
import { changing } from './saga-steps.ts';

/** Gives an order other quantities everywhere, or, if the kitchen or the card does not allow it, nowhere. */
export const reviseOrder = saga('reviseOrder', {
  version: 1,
  input: z.object({
    orderId: Id,
    lines: z.array(z.object({ menuItemId: z.string(), quantity: z.int() })),
    total: Money,
  }),
  contract: orders,
})
  // The order has been REVISION_PENDING since the transaction that started this.
  .step('pending', { undo: changing('undoRevision') })
  .step('beginReviseTicket', {
    call: kitchen.operations.beginRevision,
    with: ({ input: { orderId, lines } }) => ({ orderId, lines }),
    undo: { call: kitchen.operations.undoRevision, with: ({ input: { orderId } }) => ({ orderId }) },
  })
  .pivot('reviseAuthorization', {
    call: accounting.operations.revise,
    with: ({ input: { orderId, total } }) => ({ orderId, amount: total }),
  })
  .step('confirmReviseTicket', {
    call: kitchen.operations.confirmRevision,
    with: ({ input: { orderId } }) => ({ orderId }),
  })
  .step('confirmRevision', changing('confirmRevision'));
