import { contract, event, operation } from '@banyan/banyan';
import { z } from 'zod';
import { Coordination } from '../vocabulary/coordination.ts';
import { Id, Timestamp, WantedId } from '../vocabulary/text.ts';
import { ticketStates } from './lifecycle.ts';

/** So many times one dish: cooks need no price. */
export const TicketLine = z.object({
  menuItemId: z.string(),
  dish: z.string(),
  quantity: z.int().min(1),
});
export type TicketLine = z.infer<typeof TicketLine>;

const State = z.enum(ticketStates);

export const Ticket = z.object({
  ticketId: Id,
  /** 1, and one more with each change. */
  revision: z.int().min(1),
  orderId: Id,
  restaurantId: Id,
  state: State,
  lines: z.array(TicketLine).min(1),
  /** When the restaurant means to be ready, from its acceptance on. */
  readyBy: Timestamp.optional(),
  createdAt: Timestamp,
  changedAt: Timestamp,
});
export type Ticket = z.infer<typeof Ticket>;

const NewLine = z.object({ menuItemId: z.string(), quantity: z.int().min(1) });
const TicketRef = z.object({ ticketId: WantedId });
/** Other services know the order, which has one ticket. */
const OrderRef = z.object({ orderId: Id });
/** What all events of a ticket say. */
const News = z.object({
  orderId: Id,
  ticketId: Id,
  restaurantId: Id,
  revision: z.int().min(1),
  at: Timestamp,
});

const ticketNotFound = { status: 404 } as const;
const ticketStateForbids = { status: 409, data: z.object({ state: State }) } as const;
const errors = { ticketNotFound, ticketStateForbids };

/** What the restaurant does with a ticket. */
const work = <Path extends string>(path: Path, summary: string) =>
  operation(`POST /tickets/:ticketId/${path}`, { summary, input: TicketRef, output: Ticket, errors });
/** What the process of an order does with its ticket. */
const change = <Path extends string>(path: Path, summary: string) =>
  operation(`POST /order-tickets/:orderId/${path}`, { summary, input: OrderRef, output: Ticket, errors });

export const kitchen = contract('kitchen', {
  version: '1.0.0',
  description: 'Tickets: what a restaurant has to cook, and how far it is.',
  operations: {
    listTickets: operation('GET /tickets', {
      summary: 'What the restaurant that asks has to do, oldest first.',
      input: z.object({
        state: State.optional(),
        limit: z.int().min(1).max(100).default(50),
        after: Id.optional(),
      }),
      output: z.object({ tickets: z.array(Ticket), next: Id.optional() }),
    }),
    getTicket: operation('GET /tickets/:ticketId', {
      input: TicketRef,
      output: Ticket,
      errors: { ticketNotFound },
    }),
    acceptTicket: operation('POST /tickets/:ticketId/accept', {
      summary: 'The restaurant takes it, and says when it will be ready.',
      input: TicketRef.extend({ readyBy: Timestamp }),
      output: Ticket,
      errors: { ...errors, readyByInPast: { status: 422 } },
    }),
    startPreparing: work('preparing', 'From now on it can be neither cancelled nor revised.'),
    markReady: work('ready', 'It can be fetched.'),

    getOrderTicket: operation('GET /order-tickets/:orderId', {
      summary: 'For whoever knows that the order is theirs to see: the kitchen does not know its consumer.',
      input: z.object({ orderId: WantedId }),
      output: Ticket,
      errors: { ticketNotFound },
    }),
    createTicket: operation('POST /order-tickets', {
      summary: 'A ticket that nobody sees until it is confirmed.',
      input: z.object({
        orderId: Id,
        restaurantId: Id,
        /** Of the menu that was chosen from: the kitchen waits until it knows it. */
        menuRevision: z.int().min(1),
        lines: z.array(NewLine).min(1),
      }),
      output: Ticket,
      errors: { dishUnavailable: { status: 409, data: z.object({ menuItemId: z.string() }) } },
    }),
    confirmCreate: change('confirm-create', 'The order will be paid: the restaurant gets the ticket.'),
    cancelCreate: change('cancel-create', 'The order came to nothing.'),
    beginCancel: change('begin-cancel', 'Locks the ticket, if it can still be cancelled.'),
    undoCancel: change('undo-cancel', 'Unlocks it: it is as it was.'),
    confirmCancel: change('confirm-cancel', 'It is cancelled.'),
    beginRevision: operation('POST /order-tickets/:orderId/begin-revision', {
      summary: 'Locks the ticket, if it can still be revised.',
      input: OrderRef.extend({ lines: z.array(NewLine).min(1) }),
      output: Ticket,
      errors,
    }),
    undoRevision: change('undo-revision', 'Unlocks it: it is as it was.'),
    confirmRevision: change('confirm-revision', 'It has the new quantities.'),
    getRestaurantCopy: operation('GET /kitchen-restaurants/:restaurantId', {
      summary: 'What is known here of a restaurant.',
      input: z.object({ restaurantId: Id }),
      output: z.object({ revision: z.int(), menuItemIds: z.array(z.string()) }),
      errors: { restaurantNotFound: { status: 404 } },
    }),
  },
  // Every key is the order's id and nothing else: an order has one ticket.
  events: {
    ticketCreated: event('TicketCreated', {
      description: 'The restaurant could cook it. It waits to be confirmed.',
      data: News.extend({ coordination: Coordination, lines: z.array(TicketLine) }),
      key: 'orderId',
    }),
    ticketRefused: event('TicketRefused', {
      description: 'The restaurant cannot cook it. Told when the order is choreographed.',
      data: z.object({
        orderId: Id,
        reason: z.enum(['dishUnavailable']),
        coordination: Coordination,
        at: Timestamp,
      }),
      key: 'orderId',
    }),
    ticketConfirmed: event('TicketConfirmed', {
      data: News.extend({ coordination: Coordination }),
      key: 'orderId',
    }),
    ticketAccepted: event('TicketAccepted', { data: News.extend({ readyBy: Timestamp }), key: 'orderId' }),
    ticketPreparing: event('TicketPreparationStarted', { data: News, key: 'orderId' }),
    ticketReady: event('TicketMarkedReady', { data: News, key: 'orderId' }),
    ticketPickedUp: event('TicketPickedUp', { data: News, key: 'orderId' }),
    ticketRevised: event('TicketRevised', {
      data: News.extend({ lines: z.array(TicketLine) }),
      key: 'orderId',
    }),
    ticketCancelled: event('TicketCancelled', {
      description:
        'Before it was confirmed, because the order came to nothing, or later, because it was cancelled.',
      data: News,
      key: 'orderId',
    }),
  },
});
