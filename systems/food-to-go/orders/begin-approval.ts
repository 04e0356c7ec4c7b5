import type { Coordination } from '../vocabulary/coordination.ts';
import type { Order } from './contract.ts';
import { createOrder } from './create-order.saga.ts';
import { begin, type ProcessTx } from './processes.ts';

/** What approving a new order takes to know; the menu's revision is of the one that the consumer chose from. */
export interface PlacedOrder {
  readonly order: Order;
  readonly menuRevision: number;
  readonly deadlineMs: number;
}

/** Begins what leads a new order to its approval or rejection, in the transaction that puts it on record. */
export type BeginApproval = (placed: PlacedOrder, tx: ProcessTx) => Promise<void>;

/** One way for each form; which one is configuration. */
export const beginApproval: Readonly<Record<Coordination, BeginApproval>> = {
  orchestration: ({ order, menuRevision, deadlineMs }, tx) => {
    const { orderId, consumerId, restaurant, lineItems, total } = order;
    const lines = linesOf(lineItems);
    const input = { orderId, consumerId, restaurantId: restaurant.restaurantId, menuRevision, lines, total };
    return begin(tx, createOrder, { input, deadlineMs });
  },
  // Whoever has to do with it has heard that the order was placed. What is left to do here is to mind the time.
  choreography: async ({ order: { orderId }, deadlineMs }, { send }) => {
    send('orders.endApproval', { orderId }, { delayMs: deadlineMs });
  },
};

/** What a kitchen needs to know of the lines. */
export function linesOf(lineItems: readonly Order['lineItems'][number][]) {
  return lineItems.map(({ menuItemId, quantity }) => ({ menuItemId, quantity }));
}
