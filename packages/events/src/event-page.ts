import type { CloudEvent } from './cloud-event.ts';
import type { LogPage } from './event-log.ts';
import type { Arrival, PartitionLease } from './inbox.ts';

/** What one reader brought, with the right to store it. */
export interface EventPage {
  readonly page: LogPage;
  /** Of the partitions that the page moves. */
  readonly leases: readonly PartitionLease[];
  readonly topics: readonly string[];
}

const nowhere: ReadonlyMap<number, string> = new Map();

/** All of the page, and its places. */
export function wholeArrival({ page, leases, topics }: EventPage): Arrival {
  return { leases, topics, positions: page.positions, events: page.events, malformed: page.malformed };
}

/** Some of its events, and its places. */
export function arrivalOf({ page, leases, topics }: EventPage, events: readonly CloudEvent[]): Arrival {
  return { leases, topics, positions: page.positions, events, malformed: [] };
}

/** Some of its events and what is no event, to be stored before the rest is handled: the places stay. */
export function arrivalBefore({ page, leases, topics }: EventPage, events: readonly CloudEvent[]): Arrival {
  return { leases, topics, positions: nowhere, events, malformed: page.malformed };
}
