import type { ServiceError } from '@banyan/core';
import type { CloudEvent } from './cloud-event.ts';
import type { EncodedEvent } from './encoded-event.ts';

/** A place in one partition of one log, meaningful to that log alone (a number, a sequence, an offset). Compare with `===` only. */
export type LogPosition = string;

/** Where to begin: the oldest event kept, behind the newest one, the first one at or after a time (RFC 3339 UTC), or a known place. */
export type StartAt = 'start' | 'end' | { readonly time: string } | { readonly position: LogPosition };

/**
 * Why a log does not have what follows a position: retention dropped it, the log was put back to an earlier state, or made anew, or the position is another
 * log's.
 */
export type PositionLoss = 'dropped' | 'put_back' | 'recreated' | 'foreign';

/** Of a `position_lost`; undefined if the engine cannot tell. */
export function lossOf({ details }: ServiceError): PositionLoss | undefined {
  return (details as { readonly loss?: PositionLoss } | undefined)?.loss;
}

/** What an engine can do. What it cannot do it refuses with `failed_precondition` `not_supported`, naming the engine and the way out. */
export interface LogFeatures {
  /** Reads again what was read before, from any `StartAt`. Without it a group gets what was published after its first `open` at `end`; later ones go on behind what it committed. */
  readonly replay: boolean;
  /** How long the id of an event is remembered, so that publishing it again adds nothing: for as long as the event is kept, for some ms, or never. */
  readonly remembersIdsForMs: number;
  /** True if an acknowledged event is on disk, by an engine with its default settings; false if a power cut may lose it (the outbox can send it again). */
  readonly flushes: boolean;
  /** Largest event in bytes, encoded. */
  readonly maxEventBytes: number;
  /** True if the log is the services' outboxes themselves: what is committed is in it, nothing is published to it, and outboxes need no relay. */
  readonly readsOutboxes?: boolean;
}

/** What stood in the log and is no event: another program wrote it, or it was damaged. */
export interface MalformedRecord {
  readonly partition: number;
  readonly position: LogPosition;
  /** As far as it is known. */
  readonly topic: string | undefined;
  /** What stood there, as text, at most 64 KiB of it. */
  readonly text: string;
  readonly reason: string;
}

export interface LogPage {
  /** Of all partitions read; those of one partition in the order of the log. */
  readonly events: readonly CloudEvent[];
  readonly malformed: readonly MalformedRecord[];
  /**
   * Where to read on in each partition that this page moved, behind every event of the page. Moves past events of other topics too, so a page
   * without events can still move.
   */
  readonly positions: ReadonlyMap<number, LogPosition>;
}

export interface ReadRequest {
  /** The consumer group: the service's name. Engines with queues keep one for each group; logs ignore it. */
  readonly group: string;
  /** As in {@link topicOf}: only these are given. */
  readonly topics: readonly string[];
  /** The partitions to read, and where to begin in each. */
  readonly from: ReadonlyMap<number, StartAt>;
}

/**
 * One reader's way through some partitions. Not safe for concurrent calls of `next`; `close` may come at any time and ends a waiting `next`
 * with an empty page.
 */
export interface LogReader {
  /**
   * The next events, at most `limit` (1–10,000), as soon as there is one; an empty page after about `waitMs`. Reading ahead is the adapter's business.
   * A rejection loses nothing: close the reader and open another one where the last page ended.
   * @throws ServiceError `unavailable` if the engine does not answer; `failed_precondition` `position_lost` if the log does not have
   * what comes next, with `details: { loss: PositionLoss }` if it is known why
   */
  next(limit: number, waitMs: number): Promise<LogPage>;
  /** The group has stored everything before these positions. Engines with queues forget it then; logs ignore it. */
  commit(positions: ReadonlyMap<number, LogPosition>): Promise<void>;
  /** Idempotent; never rejects. */
  close(): Promise<void>;
}

/**
 * The system's durable log of events: services publish to it, groups read it at their own pace and keep their places in their own databases.
 *
 * - **Durability**: when `publish` resolves, the batch survives the death of the engine's process (and see `LogFeatures.flushes`).
 * - **Outcome**: a rejection leaves it open which events of the batch were added: publish the batch again. Events of one key are added in the order of
 *   the batch, and never one without the earlier ones of its key.
 * - **Idempotence**: an event whose id the engine remembers is not added again; beyond that, readers recognise ids themselves.
 * - **Order**: events of one channel with one key are read in the order in which they were published. All of them are in one partition, see
 *   {@link partitionOf}.
 * - **Completeness**: an event that becomes visible later lies behind every position of its partition returned earlier.
 * - **Retention**: an event stays readable for as long as the engine is configured to keep it; default: for ever.
 * - **Concurrency**: all methods may be called at the same time, from any number of processes.
 */
export interface EventLog {
  /** Names this log, so that positions of another one are never taken for its own. */
  readonly id: string;
  /** Fixed when the log is created. */
  readonly partitions: number;
  readonly features: LogFeatures;
  /**
   * @throws ServiceError `unavailable` if the engine does not confirm; `invalid_argument` `event_refused` if the engine will never take some of the events,
   * with `details: { ids: string[] }`: none of the batch was added then
   */
  publish(events: readonly EncodedEvent[]): Promise<void>;
  /** @throws ServiceError `unavailable`; `failed_precondition` `not_supported` for a start that the engine cannot give */
  open(request: ReadRequest): Promise<LogReader>;
  /**
   * How many events of `topics` lie behind the places in `from`, for metrics: exact or an upper bound (events of other topics counted too).
   * @throws ServiceError `unavailable`
   */
  lag(request: ReadRequest): Promise<number>;
  /** Forgets events older than this in small steps, where the engine does not do so by its own settings; returns how many. */
  prune(olderThanMs: number): Promise<number>;
  /**
   * Calls `listener` when the engine turns out to have lost events that it had confirmed (its store was put back, or vanished): rewind the outboxes, then
   * publishing fills it again. Before any later event of theirs is added, as far as the adapter can tell. Absent where that cannot happen or be seen.
   */
  onLoss?(listener: () => void): () => void;
  /** Ends connections and readers. Idempotent. */
  close(): Promise<void>;
}
