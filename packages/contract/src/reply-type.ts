import type { EventType } from './event.ts';
import type { MessageType } from './message.ts';
import type { Schema } from './standard-schema.ts';

/** CloudEvents type of what comes back: `ReserveStockReply` for a message, `QuoteRequestedAnswer` for an event. */
export function replyTypeOf(asked: EventType | MessageType): string {
  return `${asked.type}${asked.kind === 'message' ? 'Reply' : 'Answer'}`;
}

/** Schema of what comes back; undefined if nothing does. */
export function replySchemaOf(asked: EventType | MessageType): Schema | undefined {
  return asked.kind === 'message' ? asked.reply : asked.answer;
}
