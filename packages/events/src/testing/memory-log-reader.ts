import { ServiceError } from '@banyan/core';
import { type CloudEvent, decodeEvent } from '../cloud-event.ts';
import type {
  LogPage,
  LogPosition,
  LogReader,
  MalformedRecord,
  PositionLoss,
  ReadRequest,
} from '../event-log.ts';
import { toMalformedRecord } from '../malformed-record.ts';
import { createWakeUp, type WakeUp } from '../wake-up.ts';
import type { MemoryLogStore } from './memory-log-store.ts';

export function createMemoryLogReader(
  store: MemoryLogStore,
  request: ReadRequest,
  places: Map<number, number>,
): LogReader {
  return new MemoryLogReader(store, request, places);
}

class MemoryLogReader implements LogReader {
  readonly #store: MemoryLogStore;
  readonly #group: string;
  readonly #topics: ReadonlySet<string>;
  readonly #places: Map<number, number>;
  readonly #wakeUp: WakeUp;
  readonly #onAppend = () => this.#wakeUp.wake();
  #isClosed = false;
  #turn = 0;

  constructor(store: MemoryLogStore, { group, topics }: ReadRequest, places: Map<number, number>) {
    this.#store = store;
    this.#group = group;
    this.#topics = new Set(topics);
    this.#places = places;
    this.#wakeUp = createWakeUp(store.clock);
    store.listeners.add(this.#onAppend);
  }

  async next(limit: number, waitMs: number): Promise<LogPage> {
    const { clock } = this.#store;
    const endsAtMs = clock.nowMs() + waitMs;
    const positions = new Map<number, LogPosition>();
    for (;;) {
      const { events, malformed } = this.#read(this.#isClosed ? 0 : limit, positions);
      const restMs = endsAtMs - clock.nowMs();
      if (events.length + malformed.length > 0 || this.#isClosed || restMs <= 0) {
        return { events, malformed, positions };
      }
      await this.#wakeUp.wait(restMs);
    }
  }

  async commit(positions: ReadonlyMap<number, LogPosition>): Promise<void> {
    for (const [partition, position] of positions) {
      this.#store.groups.set(`${this.#group} ${partition}`, Number(position));
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#store.listeners.delete(this.#onAppend);
    this.#wakeUp.wake();
  }

  /** Takes from each partition in turn, another one first each time, so that none starves. */
  #read(limit: number, positions: Map<number, LogPosition>): Pick<LogPage, 'events' | 'malformed'> {
    const page = { events: [] as CloudEvent[], malformed: [] as MalformedRecord[] };
    const partitions = [...this.#places.keys()];
    this.#turn += 1;
    for (let index = 0; index < partitions.length; index += 1) {
      const partition = partitions[(index + this.#turn) % partitions.length] as number;
      const place = this.#readPartition(partition, limit, page);
      if (place === this.#places.get(partition)) continue;
      this.#places.set(partition, place);
      positions.set(partition, String(place));
    }
    return page;
  }

  #readPartition(
    partition: number,
    limit: number,
    page: { readonly events: CloudEvent[]; readonly malformed: MalformedRecord[] },
  ): number {
    const { first, records } = this.#store.partition(partition);
    let place = this.#places.get(partition) ?? 0;
    if (place < first) throw positionLost(partition);
    for (; place < first + records.length && page.events.length + page.malformed.length < limit; place += 1) {
      const record = records[place - first];
      if (record === undefined || !this.#topics.has(record.topic)) continue;
      const { topic, text } = record;
      try {
        // A copy made from the text, as every real log makes one.
        page.events.push(decodeEvent(text));
      } catch (error) {
        page.malformed.push(toMalformedRecord({ partition, position: String(place), topic, text }, error));
      }
    }
    return place;
  }
}

function positionLost(partition: number): ServiceError {
  return new ServiceError(`Partition ${partition} no longer keeps what comes next.`, {
    code: 'failed_precondition',
    reason: 'position_lost',
    details: { loss: 'dropped' satisfies PositionLoss },
  });
}
