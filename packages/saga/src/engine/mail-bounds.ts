import { ServiceError } from '@banyan/core';
import type { MailBounds } from '../saga-store.ts';
import type { Letter } from '../state.ts';

const forSignals: MailBounds = { letters: 1_000, bytes: 1_048_576 };
/** Beyond that of signals, so that a saga which is sent too much can be cancelled. */
const forCancelling: MailBounds = { letters: 1_100, bytes: 1_179_648 };

/** None for what a saga has asked for itself: replies, and ends of children. */
export function boundsFor({ kind }: Letter): MailBounds | undefined {
  if (kind === 'signal') return forSignals;
  return kind === 'cancel' ? forCancelling : undefined;
}

export function mailFull(saga: string, { letters, bytes }: MailBounds): ServiceError {
  const text = `An instance of ${saga} has not read what it was sent: it takes ${letters} letters, and ${bytes} bytes of them, until it has.`;
  return new ServiceError(text, { code: 'resource_exhausted', reason: 'saga_mail_full' });
}
