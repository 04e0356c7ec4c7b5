import type { CloudEvent } from '@banyan/events';
import { createEvent, type EncodedEvent, type LogReader, type StartAt, toEncodedEvent } from '@banyan/events';

/** An event of `orders.placed` or another topic, with `value` as its data. */
export function sampleEvent(key: string, value: unknown, topic = 'orders.placed'): EncodedEvent {
  const [service = '', name = ''] = topic.split('.');
  return toEncodedEvent(
    createEvent({ service, name, type: 'OrderPlaced', key, data: { value }, occurredAtMs: Date.now() }),
  );
}

export function valuesOf(events: readonly CloudEvent[]): unknown[] {
  return events.map((event) => (event.data as { readonly value: unknown }).value);
}

export function everywhere(partitions: number, start: StartAt): Map<number, StartAt> {
  return new Map(Array.from({ length: partitions }, (_, partition) => [partition, start]));
}

/** Reads pages until `count` events came; rejects after a minute. Moves `from` along. */
export async function readEvents(
  reader: LogReader,
  count: number,
  from: Map<number, StartAt> = new Map(),
): Promise<CloudEvent[]> {
  const seen: CloudEvent[] = [];
  const endsAtMs = Date.now() + 60_000;
  while (seen.length < count) {
    if (Date.now() > endsAtMs) throw new Error(`${seen.length} of ${count} events were read`);
    const page = await reader.next(1_000, 500);
    for (const [partition, position] of page.positions) from.set(partition, { position });
    seen.push(...page.events);
  }
  return seen;
}
