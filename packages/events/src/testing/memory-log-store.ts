import { type Clock, ServiceError } from '@banyan/core';
import { maxEventBytes } from '../cloud-event.ts';
import { type EncodedEvent, partitionOf } from '../encoded-event.ts';

export interface MemoryLogOptions {
  /** Default 12. */
  readonly partitions?: number;
  /** Default: for as long as the event is kept. 0 forgets at once, as some brokers do. */
  readonly remembersIdsForMs?: number;
  /** Default true. */
  readonly replay?: boolean;
}

export interface MemoryRecord {
  readonly topic: string;
  readonly text: string;
  readonly addedAtMs: number;
}

export interface MemoryPartition {
  /** Number of the first record kept. */
  first: number;
  records: MemoryRecord[];
}

/** What all handles on one memory log share. */
export interface MemoryLogStore {
  readonly options: Required<MemoryLogOptions>;
  readonly clock: Clock;
  /** Called after something was added. */
  readonly listeners: Set<() => void>;
  /** Where each group is, as an engine with queues knows it. */
  readonly groups: Map<string, number>;
  partition(number: number): MemoryPartition;
  /** Records a text, event or not. */
  add(partition: number, topic: string, text: string): void;
  publish(events: readonly EncodedEvent[]): void;
  prune(olderThanMs: number): number;
}

export function createMemoryLogStore(clock: Clock, options: MemoryLogOptions = {}): MemoryLogStore {
  const settings = { partitions: 12, remembersIdsForMs: Number.MAX_SAFE_INTEGER, replay: true, ...options };
  const partitions = Array.from(
    { length: settings.partitions },
    (): MemoryPartition => ({ first: 0, records: [] }),
  );
  const rememberedAtMs = new Map<string, number>();
  const listeners = new Set<() => void>();
  const wakeAll = () => {
    for (const listener of [...listeners]) listener();
  };
  const isRemembered = (id: string) => {
    const atMs = rememberedAtMs.get(id);
    return atMs !== undefined && clock.nowMs() - atMs < settings.remembersIdsForMs;
  };
  return {
    options: settings,
    clock,
    listeners,
    groups: new Map(),
    partition(number) {
      const found = partitions[number];
      if (found === undefined) throw new TypeError(`There is no partition ${number}.`);
      return found;
    },
    add(partition, topic, text) {
      this.partition(partition).records.push({ topic, text, addedAtMs: clock.nowMs() });
      wakeAll();
    },
    publish(events) {
      refuseLarge(events);
      for (const { id, key, topic, text } of events) {
        if (isRemembered(id)) continue;
        rememberedAtMs.set(id, clock.nowMs());
        const record = { topic, text, addedAtMs: clock.nowMs() };
        this.partition(partitionOf(key, partitions.length)).records.push(record);
      }
      wakeAll();
    },
    prune(olderThanMs) {
      const horizonMs = clock.nowMs() - olderThanMs;
      let count = 0;
      for (const partition of partitions) {
        const kept = partition.records.filter(({ addedAtMs }) => addedAtMs >= horizonMs);
        count += partition.records.length - kept.length;
        partition.first += partition.records.length - kept.length;
        partition.records = kept;
      }
      return count;
    },
  };
}

function refuseLarge(events: readonly EncodedEvent[]): void {
  const ids = events.filter(({ text }) => Buffer.byteLength(text) > maxEventBytes).map(({ id }) => id);
  if (ids.length === 0) return;
  throw new ServiceError(`${ids.length} events are larger than ${maxEventBytes} bytes.`, {
    code: 'invalid_argument',
    reason: 'event_refused',
    details: { ids },
  });
}
