import { isServiceError } from '@banyan/core';
import type { EventLog, PartitionPlace, ReadRequest, StartAt } from '@banyan/events';

/** Where a consumer stands in the log. */
export interface LogStanding {
  /** Events not taken in yet: exact or an upper bound. */
  readonly lag: number;
  /** Instances that read at the moment. */
  readonly readers: number;
  /** Age of the first event that is not taken in; 0 if there is none, or the engine shows it to the group's own reader alone. */
  readonly oldestUnreadAgeMs: number;
  /** Why the log could not be read, in words for an operator. */
  readonly unreadable?: string;
}

export interface Standpoint {
  readonly group: string;
  readonly topics: readonly string[];
  readonly places: readonly PartitionPlace[];
}

/** A log that cannot be read is part of the standing, not a failure. */
export async function logStandingOf(log: EventLog, point: Standpoint): Promise<LogStanding> {
  const readers = new Set(point.places.flatMap(({ owner }) => owner ?? [])).size;
  let lag = 0;
  let oldestUnreadAgeMs = 0;
  try {
    for (const request of requestsOf(log, point)) {
      const behind = await log.lag(request);
      lag += behind;
      if (!log.features.replay) continue;
      // Nothing may lie behind a place because the log does not have that place any more, which only a reader is told.
      oldestUnreadAgeMs = Math.max(
        oldestUnreadAgeMs,
        await firstAgeMs(log, request, behind > 0 ? peekMs : 0),
      );
    }
    return { lag, readers, oldestUnreadAgeMs };
  } catch (error) {
    if (!isServiceError(error)) throw error;
    return { lag, readers, oldestUnreadAgeMs, unreadable: error.message };
  }
}

/** One for all topics that stand at the same places: a topic that was added later may be further behind. */
function requestsOf(log: EventLog, { group, topics, places }: Standpoint): readonly ReadRequest[] {
  const byPlace = new Map<string, { from: ReadonlyMap<number, StartAt>; topics: string[] }>();
  const never: StartAt = log.features.replay ? 'start' : 'end';
  for (const topic of topics) {
    const from = new Map<number, StartAt>();
    for (let partition = 0; partition < log.partitions; partition += 1) {
      const place = places.find((each) => each.partition === partition);
      from.set(partition, place?.positions[topic] ?? never);
    }
    const name = JSON.stringify([...from]);
    const known = byPlace.get(name);
    if (known === undefined) byPlace.set(name, { from, topics: [topic] });
    else known.topics.push(topic);
  }
  return [...byPlace.values()].map((each) => ({ group, ...each }));
}

/** How long to wait for the first event: a lag that is an upper bound may be of other topics. */
const peekMs = 500;

async function firstAgeMs(log: EventLog, request: ReadRequest, waitMs: number): Promise<number> {
  const reader = await log.open(request);
  try {
    const { events } = await reader.next(100, waitMs);
    return events.reduce((most, { time }) => Math.max(most, Date.now() - Date.parse(time)), 0);
  } finally {
    await reader.close();
  }
}
