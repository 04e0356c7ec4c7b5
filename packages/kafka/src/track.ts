import type { KafkaRecord, RecordsBatch } from '@platformatic/kafka';
import type { Start } from './starts.ts';

export interface FetchedRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly record: KafkaRecord;
  readonly bytes: number;
}

/** One partition of one Kafka topic on its way through a reader. */
export interface Track {
  readonly topic: string;
  readonly partition: number;
  generation: string | undefined;
  /** Of the first record not yet given out. */
  offset: number;
  /** Of the first record not yet fetched. */
  fetchOffset: number;
  /** Fetched and not yet given out. */
  readonly fetched: FetchedRecord[];
  /** Number of `fetched` given out already. */
  taken: number;
  sinceMs: number | undefined;
  /** Why there is no way on from here. */
  lost: string | undefined;
  /** Its leader said that it leads no more; waits for fresh knowledge. */
  isStale: boolean;
}

export function createTrack({ topic, partition, generation, offset, sinceMs }: Start): Track {
  return {
    ...{ topic, partition, generation, offset, sinceMs },
    ...{ fetchOffset: offset, fetched: [], taken: 0, lost: undefined, isStale: false },
  };
}

const isControl = 1 << 5;
const recordOverheadBytes = 200;

/** Takes over what was fetched; returns its bytes. Batches may begin before what was asked for, and end with records that were removed. */
export function addBatches(track: Track, batches: readonly RecordsBatch[]): number {
  let added = 0;
  for (const batch of batches) {
    const first = Number(batch.firstOffset);
    const next = first + batch.lastOffsetDelta + 1;
    // Marks of transactions are not records.
    for (const record of (batch.attributes & isControl) === 0 ? batch.records : []) {
      const offset = first + record.offsetDelta;
      if (offset < track.fetchOffset) continue;
      const timestampMs = Number(batch.firstTimestamp + record.timestampDelta);
      const bytes = recordOverheadBytes + (record.value?.length ?? 0);
      track.fetched.push({ offset, timestampMs, record, bytes });
      added += bytes;
    }
    track.fetchOffset = Math.max(track.fetchOffset, next);
  }
  return added;
}

export function nextRecord(track: Track): FetchedRecord | undefined {
  return track.fetched[track.taken];
}

/** Moves past the next record. */
export function passRecord(track: Track): void {
  const record = track.fetched[track.taken];
  if (record === undefined) return;
  track.taken += 1;
  track.offset = record.offset + 1;
}

/** When all that was fetched is given out: moves past what is no record as well, such as marks of transactions. */
export function settleTrack(track: Track): void {
  if (track.taken < track.fetched.length) return;
  track.fetched.length = 0;
  track.taken = 0;
  track.offset = track.fetchOffset;
}
