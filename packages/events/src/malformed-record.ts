import type { MalformedRecord } from './event-log.ts';
import { describeError } from './retry-policy.ts';

const maxTextBytes = 64 * 1024;

/** For adapters of `EventLog`: a record that `decodeEvent` rejected with `error`, its text cut to what a dead letter keeps. */
export function toMalformedRecord(record: Omit<MalformedRecord, 'reason'>, error: unknown): MalformedRecord {
  const reason = describeError(error);
  if (record.text.length * 3 <= maxTextBytes) return { ...record, reason };
  const bytes = Buffer.from(record.text);
  if (bytes.length <= maxTextBytes) return { ...record, reason };
  // A cut in the middle of a character leaves U+FFFD, three bytes for one.
  return {
    ...record,
    reason,
    text: bytes
      .subarray(0, maxTextBytes)
      .toString()
      .replace(/\ufffd+$/, ''),
  };
}
