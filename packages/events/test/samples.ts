import { type CloudEvent, createEvent } from '@banyan/events';

export function sampleEvent(key: string, value: unknown = null, topic = 'orders.placed'): CloudEvent {
  const [service = '', name = ''] = topic.split('.');
  return createEvent({ service, name, type: 'OrderPlaced', key, data: { value }, occurredAtMs: Date.now() });
}

export function valueIn(event: CloudEvent): unknown {
  return (event.data as { readonly value: unknown }).value;
}
