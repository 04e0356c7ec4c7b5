import type { EncodedEvent } from '@banyan/events';
import type { MessageRecord } from '@platformatic/kafka';

/** Names of headers, as the Kafka binding of CloudEvents has them (structured mode, with the attributes beside it). */
export const nameHeader = Buffer.from('ce_banyanname');
const contentType = Buffer.from('content-type');
const structured = Buffer.from('application/cloudevents+json; charset=UTF-8');
const idHeader = Buffer.from('ce_id');
const sourceHeader = Buffer.from('ce_source');
const timeHeader = Buffer.from('ce_time');

/** More than what surrounds key, value, id, source, name and time in a record. */
const overheadBytes = 256;

export interface SizedRecord {
  readonly record: MessageRecord;
  /** At least what it takes in a batch. */
  readonly bytes: number;
}

/** The event as a record: nothing of its text is parsed, so its `type` stands in the value only. */
export function toRecord(event: EncodedEvent, topic: string, partition: number): SizedRecord {
  const key = Buffer.from(event.key);
  const value = Buffer.from(event.text);
  const name = Buffer.from(event.topic.startsWith('@') ? event.topic.slice(1) : event.topic);
  const source = Buffer.from(sourceOf(event.key));
  const headers = new Map([
    [nameHeader, name],
    [contentType, structured],
    [idHeader, Buffer.from(event.id)],
    [sourceHeader, source],
    [timeHeader, Buffer.from(event.time)],
  ]);
  const timestamp = BigInt(Math.max(0, Date.parse(event.time)));
  const bytes = key.length + value.length + name.length + source.length + event.time.length + overheadBytes;
  return { record: { topic, partition, key, value, headers, timestamp }, bytes };
}

/** Keys are `orders/o-1`: the emitter's name, which has no slash, comes first. */
function sourceOf(key: string): string {
  return `/services/${key.slice(0, key.indexOf('/'))}`;
}
