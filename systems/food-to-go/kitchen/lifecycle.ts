export const ticketStates = [
  'CREATE_PENDING',
  'AWAITING_ACCEPTANCE',
  'ACCEPTED',
  'PREPARING',
  'READY_FOR_PICKUP',
  'PICKED_UP',
  'CANCEL_PENDING',
  'CANCELLED',
  'REVISION_PENDING',
] as const;
export type TicketState = (typeof ticketStates)[number];

export const ticketChanges = [
  'confirmCreate',
  'cancelCreate',
  'accept',
  'startPreparing',
  'markReady',
  'pickUp',
  'beginCancel',
  'undoCancel',
  'confirmCancel',
  'beginRevision',
  'undoRevision',
  'confirmRevision',
] as const;
export type TicketChange = (typeof ticketChanges)[number];

/** Where `undo…` and `confirmRevision` lead: the ticket goes on where it was. */
export const former = 'FORMER';

/**
 * The life of a ticket: what each state lets happen, and where it leads. What has been begun in the kitchen is not cancelled or revised any more. What a
 * courier has is picked up, even if the restaurant forgot to say that it was ready.
 */
export const lifecycle: Readonly<
  Record<TicketState, Partial<Record<TicketChange, TicketState | typeof former>>>
> = {
  CREATE_PENDING: { confirmCreate: 'AWAITING_ACCEPTANCE', cancelCreate: 'CANCELLED' },
  AWAITING_ACCEPTANCE: {
    accept: 'ACCEPTED',
    beginCancel: 'CANCEL_PENDING',
    beginRevision: 'REVISION_PENDING',
  },
  ACCEPTED: {
    startPreparing: 'PREPARING',
    pickUp: 'PICKED_UP',
    beginCancel: 'CANCEL_PENDING',
    beginRevision: 'REVISION_PENDING',
  },
  PREPARING: { markReady: 'READY_FOR_PICKUP', pickUp: 'PICKED_UP' },
  READY_FOR_PICKUP: { pickUp: 'PICKED_UP' },
  PICKED_UP: {},
  CANCEL_PENDING: { undoCancel: former, confirmCancel: 'CANCELLED' },
  CANCELLED: {},
  REVISION_PENDING: { undoRevision: former, confirmRevision: former },
};
