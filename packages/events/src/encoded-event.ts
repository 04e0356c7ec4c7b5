import { type CloudEvent, encodeEvent, orderingKeyOf, topicOf } from './cloud-event.ts';

/** An event as it travels from an outbox to a log: the text is made once, by the emitter, and nobody on the way parses it. */
export interface EncodedEvent {
  readonly id: string;
  /** See {@link topicOf}. */
  readonly topic: string;
  /** See {@link orderingKeyOf}. */
  readonly key: string;
  /** RFC 3339 UTC. */
  readonly time: string;
  /** The event as JSON. */
  readonly text: string;
}

/** @throws ServiceError as {@link encodeEvent} */
export function toEncodedEvent(event: CloudEvent): EncodedEvent {
  return {
    id: event.id,
    topic: topicOf(event),
    key: orderingKeyOf(event),
    time: event.time,
    text: encodeEvent(event),
  };
}

/**
 * Who a topic belongs to: the emitter of an event (`payments` for `payments.captured`), the addressee of a message (`@stock` for
 * `@stock.reserve`). An engine keeps what shares a channel and a key in one order.
 */
export function channelOf(topic: string): string {
  const dot = topic.indexOf('.');
  return dot < 0 ? topic : topic.slice(0, dot);
}

/** The partition, 0 to `partitions - 1`, that holds a key on every engine (FNV-1a, 32 bits, over UTF-16 units). */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  // The low bits of FNV-1a are its weak ones: fold the high ones in.
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions;
}
