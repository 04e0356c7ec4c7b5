export const orderStates = [
  'APPROVAL_PENDING',
  'APPROVED',
  'REJECTED',
  'CANCEL_PENDING',
  'CANCELLED',
  'REVISION_PENDING',
  'DELIVERED',
] as const;
export type OrderState = (typeof orderStates)[number];

export const orderChanges = [
  'approve',
  'reject',
  'beginCancel',
  'undoCancel',
  'confirmCancel',
  'beginRevision',
  'undoRevision',
  'confirmRevision',
  'deliver',
] as const;
export type OrderChange = (typeof orderChanges)[number];

/**
 * The life of an order: what each state lets happen, and where it leads. The `_PENDING` states are semantic locks: somebody is changing the order together
 * with other services, so whoever else wants to has to wait.
 */
export const lifecycle: Readonly<Record<OrderState, Partial<Record<OrderChange, OrderState>>>> = {
  APPROVAL_PENDING: { approve: 'APPROVED', reject: 'REJECTED' },
  APPROVED: { beginCancel: 'CANCEL_PENDING', beginRevision: 'REVISION_PENDING', deliver: 'DELIVERED' },
  REJECTED: {},
  CANCEL_PENDING: { undoCancel: 'APPROVED', confirmCancel: 'CANCELLED' },
  CANCELLED: {},
  REVISION_PENDING: { undoRevision: 'APPROVED', confirmRevision: 'APPROVED' },
  DELIVERED: {},
};
