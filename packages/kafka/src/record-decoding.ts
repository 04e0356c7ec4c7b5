import {
  type CloudEvent,
  decodeEvent,
  type MalformedRecord,
  toMalformedRecord,
  topicOf,
} from '@banyan/events';
import type { KafkaRecord } from '@platformatic/kafka';
import { holdsMessages } from './kafka-topics.ts';
import { nameHeader } from './record-encoding.ts';

export type DecodedRecord =
  | { readonly kind: 'event'; readonly event: CloudEvent }
  | { readonly kind: 'malformed'; readonly malformed: Omit<MalformedRecord, 'partition' | 'position'> }
  /** Of a topic that was not asked for. */
  | { readonly kind: 'other' };

/** What a record of a Kafka topic is to a reader of `wanted`. A header tells whose it is, so that others are not parsed. */
export function decodeRecord(
  record: KafkaRecord,
  kafkaTopic: string,
  wanted: ReadonlySet<string>,
): DecodedRecord {
  const topic = topicInHeader(record, kafkaTopic);
  if (topic !== undefined && !wanted.has(topic)) return { kind: 'other' };
  const text = record.value?.toString() ?? '';
  try {
    const event = decodeEvent(text);
    return wanted.has(topicOf(event)) ? { kind: 'event', event } : { kind: 'other' };
  } catch (error) {
    // The place is the reader's to tell.
    const {
      partition: _,
      position: __,
      ...malformed
    } = toMalformedRecord({ partition: 0, position: '', topic, text }, error);
    return { kind: 'malformed', malformed };
  }
}

function topicInHeader({ headers }: KafkaRecord, kafkaTopic: string): string | undefined {
  for (const [name, value] of headers) {
    if (name === null || value === null || !nameHeader.equals(name)) continue;
    return holdsMessages(kafkaTopic) ? `@${value.toString()}` : value.toString();
  }
  return undefined;
}
