/** Why a saga is being undone, as the platform tells it. */
export interface Failure {
  readonly kind: string;
  readonly step?: string;
  readonly error?: { readonly reason: string; readonly details?: unknown };
}

/** Why an order was rejected, in a word: the refusal of whoever refused, or what kept them from answering. */
export function rejectionOf(failure: Failure | undefined): string {
  if (failure?.error === undefined) return failure?.kind ?? 'unknown';
  const { reason, details } = failure.error;
  const because = (details as { readonly reason?: unknown } | undefined)?.reason;
  return typeof because === 'string' ? `${reason}: ${because}` : reason;
}
