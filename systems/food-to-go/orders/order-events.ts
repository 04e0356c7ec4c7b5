import { defineEvent, defineEvents } from '@banyan/event-store';
import { z } from 'zod';
import { Address } from '../vocabulary/address.ts';
import { Coordination } from '../vocabulary/coordination.ts';
import { Money } from '../vocabulary/money.ts';
import { Id, Timestamp } from '../vocabulary/text.ts';

const Lines = z.array(
  z.object({ menuItemId: z.string(), name: z.string(), price: Money, quantity: z.int().min(1) }),
);
const Happened = z.object({ at: Timestamp });

/**
 * What happens to an order, as this service keeps it. Nobody else reads these: what others may know is in the contract, and `publication.ts` says what
 * becomes of what. So they may change with a version and an up-caster, and without asking anybody.
 */
export const orderEvents = defineEvents({
  Placed: defineEvent({
    schema: Happened.extend({
      consumerId: z.string(),
      restaurant: z.object({ restaurantId: Id, name: z.string(), revision: z.int() }),
      minimumOrder: Money,
      lineItems: Lines,
      deliveryAddress: Address,
      coordination: Coordination,
    }),
  }),
  Approved: defineEvent({ schema: Happened.extend({ consumerId: z.string() }) }),
  Rejected: defineEvent({ schema: Happened.extend({ consumerId: z.string(), reason: z.string() }) }),
  CancelBegun: defineEvent({ schema: Happened }),
  CancelUndone: defineEvent({ schema: Happened }),
  Cancelled: defineEvent({ schema: Happened.extend({ consumerId: z.string() }) }),
  RevisionBegun: defineEvent({ schema: Happened.extend({ lineItems: Lines }) }),
  RevisionUndone: defineEvent({ schema: Happened }),
  Revised: defineEvent({ schema: Happened.extend({ consumerId: z.string(), lineItems: Lines }) }),
  Delivered: defineEvent({ schema: Happened.extend({ consumerId: z.string() }) }),
  DeliveryRetracted: defineEvent({ schema: Happened.extend({ consumerId: z.string() }) }),
});
export type OrderEvents = typeof orderEvents;
