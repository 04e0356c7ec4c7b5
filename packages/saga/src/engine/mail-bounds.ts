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

/** Why a letter was not left: it would not fit into an empty mail either, or the saga has to read what it has first. */
export function mailFull(saga: string, letter: Letter, { letters, bytes }: MailBounds): ServiceError {
  if (Buffer.byteLength(JSON.stringify(letter)) >= bytes) {
    const text = `A ${letter.kind} to ${saga} has ${bytes} bytes as JSON, or more. Keep large things in tables.`;
    return new ServiceError(text, { code: 'invalid_argument', reason: 'invalid_signal' });
  }
  const text = `An instance of ${saga} has not read what it was sent: it takes ${letters} letters, and ${bytes} bytes of them, until it has.`;
  return new ServiceError(text, { code: 'resource_exhausted', reason: 'saga_mail_full' });
}
