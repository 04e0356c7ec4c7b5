import { type Clock, isServiceError, type Logger, type ServiceError } from '@banyan/core';
import type { PositionLoss } from '@banyan/events';
import { natsError } from './errors.ts';
import type { EventStream, StreamPlace } from './event-stream.ts';
import type { JetStreamConnection } from './nats-connection.ts';
import { checkOf } from './position.ts';
import type { SubjectSpace } from './subjects.ts';

export interface LossGuardOptions {
  readonly connection: JetStreamConnection;
  readonly stream: EventStream;
  /** The stream as it is when the log is opened. */
  readonly place: StreamPlace;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A stream may vanish while nobody publishes to it. */
const checkEveryMs = 15_000;

/**
 * Watches whether the stream still holds what it confirmed to this process, and makes it anew if it is gone. JetStream acknowledges before it flushes, so
 * a machine that lost its power, or a store that was put back, lacks events that were confirmed.
 */
export class LossGuard {
  readonly #options: LossGuardOptions;
  readonly #listeners = new Set<() => void>();
  readonly #stopListening: () => void;
  /** Losses that readers need not tell any more. */
  readonly #told = new Set<string>();
  #space: SubjectSpace;
  #sequence: number;
  /** Of the message with this sequence, if it is known. */
  #check = '';
  #isSure = true;
  #making: Promise<void> | undefined;
  #stopTimer: (() => void) | undefined;

  constructor(options: LossGuardOptions) {
    this.#options = options;
    this.#space = options.place;
    this.#sequence = options.place.last;
    // Only a server that went away can come back with less, but a stream can be deleted at any time.
    this.#stopListening = options.connection.onDown(() => {
      this.#isSure = false;
    });
    this.#schedule();
  }

  /** Where to publish, once it is sure that the stream is still the one that confirmed what was published before. */
  get space(): SubjectSpace {
    return this.#space;
  }

  /** The newest sequence that was confirmed: a later message must get a higher one. */
  get sequence(): number {
    return this.#sequence;
  }

  /** False when the connection was lost meanwhile: `makeSure` before the next message is sent. */
  get isSure(): boolean {
    return this.#isSure;
  }

  onLoss(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  confirmed(sequence: number, id: string): void {
    if (sequence <= this.#sequence) return;
    this.#sequence = sequence;
    this.#check = checkOf(id);
  }

  /** Looks at the stream. @throws ServiceError `nats_events_lost`, once; `nats_unavailable` */
  makeSure(): Promise<void> {
    this.#isSure = false;
    this.#making ??= this.#compare().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  /** Tells everybody. `place` is the stream as it is. */
  lost(place: Pick<StreamPlace, 'name' | 'epoch' | 'last'>): ServiceError {
    const { logger } = this.#options;
    logger.error('the NATS stream lost events that it had confirmed', {
      stream: place.name,
      isNew: place.epoch !== this.#space.epoch,
      confirmed: this.#sequence,
      found: place.last,
    });
    this.#told.add(`${place.epoch} recreated`).add(`${place.epoch} put_back`);
    this.#space = { name: place.name, epoch: place.epoch };
    this.#sequence = place.last;
    this.#check = '';
    this.#isSure = true;
    for (const listener of [...this.#listeners]) listener();
    return natsError('nats_events_lost');
  }

  /**
   * A reader's place is not in the stream: it lost events before this process began, and nobody here remembers what was confirmed. Told once for each loss;
   * outboxes that are filled again for nothing do no harm.
   */
  missed(place: StreamPlace, loss: PositionLoss): void {
    if (!this.#told.has(`${place.epoch} ${loss}`)) this.lost(place);
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopListening();
  }

  async #compare(): Promise<void> {
    const { stream } = this.#options;
    const place = await stream.place();
    const sequence = this.#sequence;
    const check = this.#check;
    if (place.epoch !== this.#space.epoch || place.last < sequence) throw this.lost(place);
    const found = check === '' ? undefined : await stream.checkAt(sequence);
    // Gone is no proof: retention may have taken it.
    if (found !== undefined && found !== check) throw this.lost(place);
    this.#isSure = true;
  }

  #schedule(): void {
    const { clock, connection, logger } = this.#options;
    this.#stopTimer = clock.setTimer(() => {
      this.#schedule();
      if (!connection.isUp) return;
      this.makeSure().catch((error: unknown) => {
        if (isServiceError(error) && error.reason === 'nats_events_lost') return;
        logger.warn('the NATS stream could not be checked', { error });
      });
    }, checkEveryMs);
  }
}
