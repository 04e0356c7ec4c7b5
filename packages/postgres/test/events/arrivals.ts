import type { Arrival, CloudEvent, Inbox } from '@banyan/events';

/** Events as they come from a log with one partition, for the only instance. */
export async function arrivalOf(inbox: Inbox, events: readonly CloudEvent[]): Promise<Arrival> {
  const share = await inbox.share({ log: 'log', partitions: 1, instance: 'only', leaseMs: 60_000 });
  return { leases: share.leases, topics: [], positions: new Map(), events, malformed: [] };
}
