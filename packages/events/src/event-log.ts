import type { CloudEvent } from './cloud-event.ts';

/** A place in one log, meaningful to that log alone (a number, a sequence, offsets of partitions). Compare with `===` only. */
export type LogPosition = string;

export interface LogPage {
  readonly events: readonly CloudEvent[];
  /** Where to read on. Moves past events of other topics too, so it may differ from the start even if `events` is empty. */
  readonly position: LogPosition;
  /** True if reading on at once may give more. */
  readonly more: boolean;
}

/**
 * The system's durable log of events: services publish to it, consumers read it at their own pace.
 *
 * - **Durability**: when `publish` resolves, the batch survives a crash of the log.
 * - **Atomicity**: a batch becomes visible as a whole, or not at all; a rejection leaves the outcome unknown.
 * - **Idempotence**: an event whose id is in the log already is not added again.
 * - **Order**: events of one source are read in the order in which they were published. Two readers of the same topics see the same order.
 * - **Completeness**: an event that becomes visible later always lies behind every position returned earlier.
 * - **Retention**: an event stays readable for as long as the log is configured to keep it; the built-in one keeps everything.
 * - **Concurrency**: all methods may be called at the same time, from any number of processes.
 */
export interface EventLog {
  /** Names this log, so that positions of another one are never taken for its own. */
  readonly id: string;
  publish(events: readonly CloudEvent[]): Promise<void>;
  /**
   * The next events of `topics` (`service.event`), oldest first.
   * @param after the position to read on from; `undefined` for the beginning
   * @param limit at most this many, 1–10,000
   */
  read(topics: readonly string[], after: LogPosition | undefined, limit: number): Promise<LogPage>;
  /** The position behind the newest event. */
  latest(): Promise<LogPosition>;
  /**
   * Calls `listener` soon after events were added, by this process or another, with their topics if they are known. A hint: it may come
   * twice, early or never, so readers poll as well. Returns a function that ends it.
   */
  onAppend(listener: (topics: readonly string[] | undefined) => void): () => void;
}
