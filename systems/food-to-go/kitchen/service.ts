import { type Caller, ServiceError, service, type Tx } from '@banyan/banyan';
import { accounting } from '../accounting/contract.ts';
import { consumers } from '../consumers/contract.ts';
import { delivery } from '../delivery/contract.ts';
import { orders } from '../orders/contract.ts';
import { restaurants } from '../restaurants/contract.ts';
import { signedIn } from '../vocabulary/signed-in.ts';
import { kitchen, type Ticket } from './contract.ts';
import { choreography } from './create-order.choreography.ts';
import type { TicketChange, TicketState } from './lifecycle.ts';
import { tellOf, tellOfNew } from './news.ts';
import { copyMenu, findRestaurantCopy } from './restaurant-copies.ts';
import {
  changeTicket,
  createTicket,
  findOrderTicket,
  findTicket,
  findTickets,
  type NewTicket,
  type TicketKey,
} from './tickets.ts';

export const kitchenService = service(kitchen, {
  uses: { restaurants, delivery, orders, consumers, accounting },
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async listTickets({ limit, ...wanted }, { sql, caller }) {
      const tickets = await findTickets(sql, signedIn(caller), { ...wanted, limit });
      const last = tickets.length === limit ? tickets.at(-1) : undefined;
      return { tickets, ...(last && { next: last.ticketId }) };
    },

    async getTicket({ ticketId }, { sql, caller, fail }) {
      const ticket = await findTicket(sql, ticketId);
      const isOwn = ticket?.restaurantId === signedIn(caller) && ticket.state !== 'CREATE_PENDING';
      return isOwn ? ticket : fail('ticketNotFound');
    },

    async acceptTicket({ ticketId, readyBy }, context) {
      if (Date.parse(readyBy) <= Date.now()) return context.fail('readyByInPast');
      return change(context, own(ticketId, context), { change: 'accept', readyBy });
    },
    startPreparing: ({ ticketId }, context) =>
      change(context, own(ticketId, context), { change: 'startPreparing' }),
    markReady: ({ ticketId }, context) => change(context, own(ticketId, context), { change: 'markReady' }),

    getOrderTicket: async ({ orderId }, { sql, fail }) =>
      (await findOrderTicket(sql, orderId)) ?? fail('ticketNotFound'),

    createTicket: (wanted, { tx, fail }) =>
      tx(async ({ sql, emit }) => {
        const created = await createTicket(sql, wanted);
        if ('unavailable' in created) return fail('dishUnavailable', { menuItemId: created.unavailable });
        if (created.isNew) tellOfNew(emit, created.ticket, 'orchestration');
        return created.ticket;
      }),
    confirmCreate: (order, context) => change(context, order, { change: 'confirmCreate' }),
    cancelCreate: (order, context) => change(context, order, { change: 'cancelCreate' }),
    beginCancel: (order, context) => change(context, order, { change: 'beginCancel' }),
    undoCancel: (order, context) => change(context, order, { change: 'undoCancel' }),
    confirmCancel: (order, context) => change(context, order, { change: 'confirmCancel' }),
    beginRevision: ({ orderId, lines }, context) =>
      change(context, { orderId }, { change: 'beginRevision', lines }),
    undoRevision: (order, context) => change(context, order, { change: 'undoRevision' }),
    confirmRevision: (order, context) => change(context, order, { change: 'confirmRevision' }),

    async getRestaurantCopy({ restaurantId }, { sql, fail }) {
      const { revision, dishes } =
        (await findRestaurantCopy(sql, restaurantId)) ?? fail('restaurantNotFound');
      return { revision, menuItemIds: dishes.map(({ menuItemId }) => menuItemId) };
    },
  },
  on: {
    ...choreography,
    'restaurants.created': (restaurant, { sql }) => copyMenu(sql, restaurant),
    'restaurants.menuRevised': (revision, { sql }) => copyMenu(sql, revision),
    'delivery.pickedUp': async ({ orderId }, { sql, emit, log }) => {
      const changed = await changeTicket(sql, { orderId }, 'pickUp');
      if (changed.result === 'changed') return tellOf(emit, 'pickUp', changed.ticket);
      const state = changed.result === 'forbidden' ? changed.state : undefined;
      // Somebody holds its lock: the news comes again.
      if (state?.endsWith('_PENDING')) throw locked();
      log.warn('A courier has what cannot be picked up.', { orderId, state });
    },
  },
});

interface ChangeContext {
  readonly tx: <Result>(work: (tx: Tx<typeof kitchen>) => Promise<Result>) => Promise<Result>;
  readonly fail: {
    (name: 'ticketNotFound'): never;
    (name: 'ticketStateForbids', data: { readonly state: TicketState }): never;
  };
}

interface Wish {
  readonly change: TicketChange;
  readonly readyBy?: string;
  readonly lines?: NewTicket['lines'];
}

function change(context: ChangeContext, key: TicketKey, { change, ...details }: Wish): Promise<Ticket> {
  const { tx, fail } = context;
  return tx(async ({ sql, emit }) => {
    const changed = await changeTicket(sql, key, change, details);
    if (changed.result === 'notFound') return fail('ticketNotFound');
    if (changed.result === 'forbidden') return fail('ticketStateForbids', { state: changed.state });
    tellOf(emit, change, changed.ticket);
    return changed.ticket;
  });
}

/** A ticket of the restaurant that is signed in. */
function own(ticketId: string, { caller }: { readonly caller: Caller }): TicketKey {
  return { ticketId, restaurantId: signedIn(caller) };
}

function locked(): ServiceError {
  return new ServiceError('The ticket is being changed.', { code: 'unavailable', reason: 'ticket_locked' });
}
