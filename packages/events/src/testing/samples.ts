import { type CloudEvent, createEvent } from '../cloud-event.ts';

/** An event of `orders.placed` or another topic, with `value` as its data. */
export function sampleEvent(key: string, value: unknown = null, topic = 'orders.placed'): CloudEvent {
  const [service = '', name = ''] = topic.split('.');
  return createEvent({ service, name, type: 'OrderPlaced', key, data: { value }, occurredAtMs: Date.now() });
}

/** A message that the service `orders` addresses to another one; `name` is `stock.reserve`, its topic `@stock.reserve`. */
export function sampleMessage(key: string, value: unknown, name: string): CloudEvent {
  const [banyanto = ''] = name.split('.');
  return { ...sampleEvent(key, value), type: 'Message', banyanname: name, banyanto };
}

export function valuesOf(events: readonly CloudEvent[]): unknown[] {
  return events.map((event) => (event.data as { readonly value: unknown }).value);
}
