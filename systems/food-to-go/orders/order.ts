import { ServiceError } from '@banyan/banyan';
import { defineAggregate, type NewEvent } from '@banyan/event-store';
import type { Address } from '../vocabulary/address.ts';
import type { Coordination } from '../vocabulary/coordination.ts';
import { type Money, totalOf } from '../vocabulary/money.ts';
import type { LineItem } from './contract.ts';
import { lifecycle, type OrderChange, type OrderState } from './lifecycle.ts';
import { type OrderEvents, orderEvents } from './order-events.ts';

/** An order as its events tell; undefined before it is placed. */
export interface OrderData {
  readonly state: OrderState;
  readonly consumerId: string;
  readonly restaurant: { readonly restaurantId: string; readonly name: string };
  readonly minimumOrder: Money;
  readonly lineItems: readonly LineItem[];
  readonly deliveryAddress: Address;
  readonly rejection?: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly changedAt: string;
  /** What the order will be if its revision goes through. */
  readonly revisedLineItems?: readonly LineItem[];
}

export interface NewOrder {
  readonly consumerId: string;
  readonly restaurant: { readonly restaurantId: string; readonly name: string; readonly revision: number };
  readonly minimumOrder: Money;
  readonly lineItems: readonly LineItem[];
  readonly deliveryAddress: Address;
  readonly coordination: Coordination;
}

/** A wish to change an order; `at` is now, RFC 3339. */
export type OrderCommand = { readonly at: string } & (
  | { readonly change: 'place'; readonly order: NewOrder }
  | { readonly change: 'reject'; readonly reason: string }
  | {
      readonly change: 'beginRevision';
      readonly quantities: readonly { readonly menuItemId: string; readonly quantity: number }[];
    }
  | { readonly change: Exclude<OrderChange, 'reject' | 'beginRevision'> }
);

/** The rules of one order: pure functions, from commands to events to states. */
export const order = defineAggregate<OrderEvents, OrderData | undefined, OrderCommand>({
  name: 'order',
  events: orderEvents,
  initialState: undefined,

  decide(command, current) {
    if (command.change === 'place') return current === undefined ? [place(command.order, command.at)] : [];
    if (current === undefined) throw refused('orderNotFound', 'not_found');
    const { at, change } = command;
    if (lifecycle[current.state][change] === undefined) {
      throw refused('orderStateForbids', 'failed_precondition', { state: current.state });
    }
    const { consumerId, revisedLineItems } = current;
    switch (command.change) {
      case 'approve':
        return [{ type: 'Approved', data: { at, consumerId } }];
      case 'reject':
        return [{ type: 'Rejected', data: { at, consumerId, reason: command.reason } }];
      case 'beginCancel':
        return [{ type: 'CancelBegun', data: { at } }];
      case 'undoCancel':
        return [{ type: 'CancelUndone', data: { at } }];
      case 'confirmCancel':
        return [{ type: 'Cancelled', data: { at, consumerId } }];
      case 'beginRevision':
        return [{ type: 'RevisionBegun', data: { at, lineItems: revise(current, command.quantities) } }];
      case 'undoRevision':
        return [{ type: 'RevisionUndone', data: { at } }];
      case 'confirmRevision':
        return [{ type: 'Revised', data: { at, consumerId, lineItems: [...(revisedLineItems ?? [])] } }];
      case 'deliver':
        return [{ type: 'Delivered', data: { at, consumerId } }];
    }
  },

  evolve(before, { type, data }) {
    if (type === 'Placed') {
      const { at, consumerId, restaurant, minimumOrder, lineItems, deliveryAddress } = data;
      const { restaurantId, name } = restaurant;
      return {
        state: 'APPROVAL_PENDING',
        ...{ consumerId, restaurant: { restaurantId, name }, minimumOrder, lineItems, deliveryAddress },
        ...{ createdAt: at, changedAt: at },
      };
    }
    // Nothing happens to an order before it is placed.
    if (before === undefined) return undefined;
    const { revisedLineItems: _, ...current } = before;
    const after = { ...current, state: stateAfter[type], changedAt: data.at };
    if (type === 'Rejected') return { ...after, rejection: data.reason };
    if (type === 'Revised') return { ...after, lineItems: data.lineItems };
    if (type === 'RevisionBegun') return { ...after, revisedLineItems: data.lineItems };
    return after;
  },

  // Only what this service has done alone can be made up for by it alone.
  compensate: {
    Delivered: ({ data }, before) =>
      before === undefined
        ? []
        : [{ type: 'DeliveryRetracted', data: { at: before.changedAt, consumerId: data.consumerId } }],
  },
});

/** Where each event leads; `lifecycle` says from where it may. */
const stateAfter = {
  Approved: 'APPROVED',
  Rejected: 'REJECTED',
  CancelBegun: 'CANCEL_PENDING',
  CancelUndone: 'APPROVED',
  Cancelled: 'CANCELLED',
  RevisionBegun: 'REVISION_PENDING',
  RevisionUndone: 'APPROVED',
  Revised: 'APPROVED',
  Delivered: 'DELIVERED',
  DeliveryRetracted: 'APPROVED',
} as const;

function place(wanted: NewOrder, at: string): NewEvent<OrderEvents> {
  checkMinimum(wanted.lineItems, wanted.minimumOrder);
  return { type: 'Placed', data: { ...wanted, lineItems: [...wanted.lineItems], at } };
}

/** The lines with the new quantities: those that are not named stay, 0 takes one away, and prices are those that were ordered at. */
function revise(
  { lineItems, minimumOrder }: OrderData,
  quantities: readonly { readonly menuItemId: string; readonly quantity: number }[],
): LineItem[] {
  const wanted = new Map(quantities.map(({ menuItemId, quantity }) => [menuItemId, quantity]));
  for (const menuItemId of wanted.keys()) {
    if (lineItems.some((line) => line.menuItemId === menuItemId)) continue;
    throw refused('unknownMenuItem', 'invalid_argument', { menuItemId });
  }
  const revised = lineItems
    .map((line) => ({ ...line, quantity: wanted.get(line.menuItemId) ?? line.quantity }))
    .filter(({ quantity }) => quantity > 0);
  checkMinimum(revised, minimumOrder);
  return revised;
}

function checkMinimum(lines: readonly LineItem[], minimum: Money): void {
  const total = lines.length === 0 ? { ...minimum, amount: 0 } : totalOf(lines);
  if (lines.length > 0 && total.amount >= minimum.amount) return;
  throw refused('minimumNotMet', 'failed_precondition', { minimum, total });
}

/** A refusal by the rules; the operations that declare one of this name pass it on. */
function refused(
  reason: 'orderNotFound' | 'orderStateForbids' | 'unknownMenuItem' | 'minimumNotMet',
  code: 'not_found' | 'failed_precondition' | 'invalid_argument',
  details?: object,
): ServiceError {
  return new ServiceError(`The order refuses: ${reason}.`, { code, reason, details });
}
