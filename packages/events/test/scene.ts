import { type CloudEvent, type EventLog, type Inbox, toEncodedEvent } from '@banyan/events';
import { valueIn } from './samples.ts';

export function publish(log: EventLog, ...events: readonly CloudEvent[]): Promise<void> {
  return log.publish(events.map(toEncodedEvent));
}

/** The values of all events of a topic, in the order of each partition. */
export async function publishedValues(log: EventLog, topic = 'orders.placed'): Promise<unknown[]> {
  const from = new Map(
    Array.from({ length: log.partitions }, (_, partition) => [partition, 'start' as const]),
  );
  const reader = await log.open({ group: 'test', topics: [topic], from });
  const { events } = await reader.next(10_000, 0);
  await reader.close();
  return events.map(valueIn);
}

/** Puts events on the patient way, as an instance did that is gone. */
export async function store(inbox: Inbox, log: EventLog, ...events: readonly CloudEvent[]): Promise<void> {
  const { id, partitions } = log;
  const { leases } = await inbox.share({ log: id, partitions, instance: 'gone', leaseMs: 1_000 });
  await inbox.ingest({ leases, topics: [], positions: new Map(), events, malformed: [] });
  await inbox.leave(id, 'gone');
}
