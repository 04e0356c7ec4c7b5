import type { Tx } from '@banyan/banyan';
import type { Coordination } from '../vocabulary/coordination.ts';
import type { kitchen, Ticket } from './contract.ts';
import type { TicketChange } from './lifecycle.ts';

type Emit = Tx<typeof kitchen>['emit'];

/** Which event tells of a change. Locks that are taken and given back are nobody else's business. */
const eventOf = {
  cancelCreate: 'ticketCancelled',
  startPreparing: 'ticketPreparing',
  markReady: 'ticketReady',
  pickUp: 'ticketPickedUp',
  confirmCancel: 'ticketCancelled',
} as const;

export function tellOfNew(emit: Emit, ticket: Ticket, coordination: Coordination): void {
  emit('ticketCreated', { ...newsOf(ticket), coordination, lines: ticket.lines });
}

export function tellOfConfirmed(emit: Emit, ticket: Ticket, coordination: Coordination): void {
  emit('ticketConfirmed', { ...newsOf(ticket), coordination });
}

export function tellOf(emit: Emit, change: TicketChange, ticket: Ticket): void {
  const news = newsOf(ticket);
  if (change === 'accept' && ticket.readyBy !== undefined) {
    emit('ticketAccepted', { ...news, readyBy: ticket.readyBy });
  } else if (change === 'confirmCreate') tellOfConfirmed(emit, ticket, 'orchestration');
  else if (change === 'confirmRevision') emit('ticketRevised', { ...news, lines: ticket.lines });
  else if (Object.hasOwn(eventOf, change)) emit(eventOf[change as keyof typeof eventOf], news);
}

function newsOf({ orderId, ticketId, restaurantId, revision, changedAt }: Ticket) {
  return { orderId, ticketId, restaurantId, revision, at: changedAt };
}
