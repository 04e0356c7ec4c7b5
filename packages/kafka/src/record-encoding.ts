import type { EncodedEvent } from '@banyan/events';
import { maxVarintBytes, writeVarint } from './varint.ts';

/** Names of headers, as the Kafka binding of CloudEvents has them (structured mode, with some attributes beside it). */
export const nameHeader = Buffer.from('ce_banyanname');
const contentType = 'application/cloudevents+json; charset=UTF-8';

/** An event as a record without its number and its time, which depend on the batch that it goes in. */
export interface EncodedRecord {
  /** Key, value and headers. */
  readonly body: Buffer;
  /** Epoch milliseconds. */
  readonly timestampMs: number;
  /** At least what it takes in a batch. */
  readonly bytes: number;
}

/** More than length, attributes, time and number of a record take. */
const frameBytes = 4 * maxVarintBytes;
/** More than the lengths, the names of the headers, the content type and the id take. */
const constantBytes = 512;

/** Nothing of the event's text is parsed, so its `type` stands in the value only. */
export function encodeRecord({ key, text, topic, id, time }: EncodedEvent): EncodedRecord {
  const name = topic.startsWith('@') ? topic.slice(1) : topic;
  // Keys are `orders/o-1`: the emitter's name, which has no slash, comes first.
  const source = `/services/${key.slice(0, key.indexOf('/'))}`;
  const headers: readonly (readonly [name: string, value: string])[] = [
    ['ce_banyanname', name],
    ['content-type', contentType],
    ['ce_id', id],
    ['ce_source', source],
    ['ce_time', time],
  ];
  const textBytes = Buffer.byteLength(text);
  // Three bytes a UTF-16 unit at most.
  const others = 3 * (key.length + name.length + id.length + source.length + time.length);
  const target = Buffer.allocUnsafe(textBytes + others + constantBytes);
  let end = writeText(target, key, 0);
  end = writeVarint(target, textBytes, end);
  end += target.write(text, end);
  end = writeVarint(target, headers.length, end);
  for (const [header, value] of headers) end = writeText(target, value, writeText(target, header, end));
  const body = target.subarray(0, end);
  return { body, timestampMs: Math.max(0, Date.parse(time)), bytes: end + frameBytes };
}

function writeText(target: Buffer, text: string, at: number): number {
  const length = Buffer.byteLength(text);
  const begin = writeVarint(target, length, at);
  target.write(text, begin);
  return begin + length;
}
