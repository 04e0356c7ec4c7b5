import { eventStoreError } from './errors.ts';
import type { EventMetadata, ExpectedRevision } from './event-store.ts';

export interface EncodedEvent {
  readonly type: string;
  readonly version: number;
  /** JSON texts; an empty one for none. */
  readonly data: string;
  readonly metadata: string;
  readonly tags: readonly string[];
}

/** One call of `append`, ready for the database. */
export interface AppendMember {
  readonly stream: string;
  /** -1 for no stream, -2 for any, -3 for an existing stream. */
  readonly expected: number;
  readonly events: readonly EncodedEvent[];
  readonly size: number;
}

export const anyRevision = -2;
export const maxEvents = 10_000;
const maxEventLength = 1_048_576;
const maxStreamLength = 200;
const maxTags = 50;

export function toExpected(expected: ExpectedRevision = 'any'): number {
  if (expected === 'noStream') return -1;
  if (expected === 'any') return anyRevision;
  if (expected === 'streamExists') return -3;
  if (Number.isSafeInteger(expected) && expected >= 0) return expected;
  throw invalid(
    `'expected' is 'any', 'noStream', 'streamExists' or a revision from 0, not ${String(expected).slice(0, 40)}.`,
  );
}

export function toMember(
  stream: string,
  expected: ExpectedRevision | undefined,
  events: readonly EncodedEvent[],
): AppendMember {
  checkStream(stream);
  if (events.length === 0 || events.length > maxEvents) {
    throw invalid(`An append has 1 to ${maxEvents} events, not ${events.length}.`);
  }
  let size = stream.length;
  for (const { type, data, metadata, tags } of events) {
    if (data.length + metadata.length > maxEventLength) {
      throw invalid(
        `An event '${type}' has ${data.length + metadata.length} characters; ${maxEventLength} are allowed.`,
      );
    }
    checkTags(tags);
    size += data.length + metadata.length;
  }
  return { stream, expected: toExpected(expected), events, size };
}

/** `<category>-<id>`, or any other text without NUL. */
export function checkStream(stream: string): void {
  if (!isName(stream, maxStreamLength))
    throw invalid(`The name of a stream is text of 1 to ${maxStreamLength} characters.`);
}

export function checkTags(tags: readonly string[]): void {
  if (!Array.isArray(tags) || tags.length > maxTags || !tags.every((tag) => isName(tag, maxStreamLength))) {
    throw invalid(`An event has at most ${maxTags} tags, each text of 1 to ${maxStreamLength} characters.`);
  }
}

export function toMetadataText(metadata: EventMetadata | undefined): string {
  if (metadata === undefined) return '';
  const text = JSON.stringify(metadata);
  if (text === undefined || !text.startsWith('{')) throw invalid('Metadata is a JSON object.');
  return text;
}

function isName(value: unknown, maxLength: number): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= maxLength &&
    !value.includes('\0') &&
    value.isWellFormed()
  );
}

export function invalid(text: string): Error {
  return eventStoreError('append_invalid', { message: text });
}
