import { ServiceError } from '@banyan/core';
import { maxEventBytes } from '../cloud-event.ts';
import type { EventLog, LogReader, ReadRequest, StartAt } from '../event-log.ts';
import { createMemoryLogReader } from './memory-log-reader.ts';
import type { MemoryLogStore } from './memory-log-store.ts';

/** One handle on a memory log, as one process would have. */
export function createMemoryEventLog(store: MemoryLogStore): EventLog {
  const { partitions, replay, remembersIdsForMs } = store.options;
  const readers = new Set<LogReader>();
  return {
    id: 'memory',
    partitions,
    features: { replay, remembersIdsForMs, flushes: false, maxEventBytes },
    async publish(events) {
      store.publish(events);
    },
    async open(request) {
      const reader = createMemoryLogReader(store, request, placesOf(store, request));
      readers.add(reader);
      return reader;
    },
    async lag(request) {
      let count = 0;
      for (const [partition, place] of placesOf(store, request)) {
        const { first, records } = store.partition(partition);
        const behind = records.slice(Math.max(0, place - first));
        count += behind.filter(({ topic }) => request.topics.includes(topic)).length;
      }
      return count;
    },
    prune: async (olderThanMs) => store.prune(olderThanMs),
    async close() {
      for (const reader of readers) await reader.close();
      readers.clear();
    },
  };
}

/** Places as record numbers. */
function placesOf(store: MemoryLogStore, { group, from }: ReadRequest): Map<number, number> {
  return new Map([...from].map(([partition, start]) => [partition, placeOf(store, group, partition, start)]));
}

function placeOf(store: MemoryLogStore, group: string, partition: number, start: StartAt): number {
  const { first, records } = store.partition(partition);
  const end = first + records.length;
  if (typeof start === 'object' && 'position' in start) return Number(start.position);
  if (!store.options.replay) return placeOfGroup(store, { group, partition, start, end });
  if (start === 'end') return end;
  if (start === 'start') return first;
  const sinceMs = Date.parse(start.time);
  const found = records.findIndex(({ addedAtMs }) => addedAtMs >= sinceMs);
  return found < 0 ? end : first + found;
}

/** As an engine with queues does it: a group's queue begins when it is first asked for, and holds what was not committed. */
function placeOfGroup(
  { groups }: MemoryLogStore,
  request: {
    readonly group: string;
    readonly partition: number;
    readonly start: StartAt;
    readonly end: number;
  },
): number {
  if (request.start !== 'end') {
    throw new ServiceError('This memory log is told not to replay: start at the end, or at a position.', {
      code: 'failed_precondition',
      reason: 'not_supported',
    });
  }
  const name = `${request.group} ${request.partition}`;
  const place = groups.get(name) ?? request.end;
  groups.set(name, place);
  return place;
}
