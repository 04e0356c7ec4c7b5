import { ServiceError } from '@banyan/core';
import { type CloudEvent, eventsErrors, type LogPosition, type StartAt } from '@banyan/events';

/** What the consumer of a stream asks for in `x-stream-offset`; the time in seconds. */
export type StreamOffset =
  | 'first'
  | 'last'
  | 'next'
  | number
  | { readonly '!': 'timestamp'; readonly value: number };

/** A message as the cursor sees it: its offset in the stream, and its `message-id`, empty if it has none. */
export interface StreamRecord {
  readonly offset: number;
  readonly id: string;
}

/**
 * - `take`: the record comes next.
 * - `skip`: it lies before the place to begin at.
 * - `gap`: it would come next if the offsets in between were never given out; RabbitMQ uses some for itself.
 * - `lost`: the place to begin at is no longer in the stream, or in another one.
 */
export type Verdict = 'take' | 'skip' | 'gap' | 'lost';

/** How much earlier than asked RabbitMQ begins, because its clock and those of the services differ. */
const clockToleranceMs = 60_000;

/**
 * One reader's way through one stream. A position names the last record passed, by offset and id, and reading begins at that very record: seeing it again
 * proves that the stream is still the one that the position is of. RabbitMQ itself gives what comes next if retention has dropped the place, and
 * nothing at all until the offset is reached if the stream was made anew.
 */
export class StreamCursor {
  readonly offset: StreamOffset;
  #sinceMs: number | undefined;
  /** The record to see again before anything else. */
  #proof: StreamRecord | undefined;
  #lastOffset: number | undefined;

  /** @throws ServiceError `failed_precondition` `position_lost` if the position is none of a stream */
  constructor(start: StartAt) {
    this.offset = this.#begin(start);
  }

  /** The record that must still be seen again, if any. */
  get proof(): StreamRecord | undefined {
    return this.#proof;
  }

  get lastOffset(): number | undefined {
    return this.#lastOffset;
  }

  judge({ offset, id }: StreamRecord): Verdict {
    const proof = this.#proof;
    if (proof === undefined) return this.#judgeNext(offset);
    if (offset < proof.offset) return 'skip';
    if (offset > proof.offset) return offset === proof.offset + 1 ? 'take' : 'lost';
    if (id !== proof.id) return 'lost';
    this.#proof = undefined;
    this.#lastOffset = offset;
    return 'skip';
  }

  /** Moves past a record that `judge` allowed. */
  pass({ offset, id }: StreamRecord): LogPosition {
    this.#proof = undefined;
    this.#lastOffset = offset;
    return `${offset}:${id}`;
  }

  /** False for what lies before the time to begin at: RabbitMQ begins at a chunk of records. */
  isWanted(event: CloudEvent): boolean {
    if (this.#sinceMs === undefined) return true;
    if (Date.parse(event.time) < this.#sinceMs) return false;
    this.#sinceMs = undefined;
    return true;
  }

  #judgeNext(offset: number): Verdict {
    if (this.#lastOffset === undefined || offset === this.#lastOffset + 1) return 'take';
    return offset <= this.#lastOffset ? 'skip' : 'gap';
  }

  #begin(start: StartAt): StreamOffset {
    if (start === 'start') return 'first';
    if (start === 'end') return 'next';
    if ('time' in start) {
      this.#sinceMs = Date.parse(start.time);
      const seconds = Math.floor((this.#sinceMs - clockToleranceMs) / 1_000);
      return { '!': 'timestamp', value: Math.max(0, seconds) };
    }
    const [, offset, id = ''] = /^(\d{1,15}):(.*)$/s.exec(start.position) ?? [];
    if (offset === undefined) throw positionLost(`'${start.position}' is no position of a RabbitMQ stream.`);
    this.#proof = { offset: Number(offset), id };
    return this.#proof.offset;
  }
}

export function positionLost(message: string): ServiceError {
  const { code, text } = eventsErrors.position_lost;
  return new ServiceError(`${text} ${message}`, { code, reason: 'position_lost' });
}
