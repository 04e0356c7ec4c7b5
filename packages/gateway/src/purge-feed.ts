import { type Clock, isServiceError, type Logger } from '@banyan/core';
import {
  type CloudEvent,
  type EventLog,
  type LogPosition,
  type LogReader,
  type StartAt,
  topicOf,
} from '@banyan/events';

/** Follows events from now on, on each replica for itself. */
export interface PurgeFeed {
  /** False until the feed stands at the end of the log, and while it cannot be read. */
  readonly isCurrent: boolean;
  start(): void;
  /** Idempotent. */
  stop(): Promise<void>;
}

export interface PurgeFeedOptions {
  readonly log: EventLog;
  /** `orders.changed` … */
  readonly topics: readonly string[];
  readonly onEvent: (event: CloudEvent) => void;
  /** Events may have been missed. */
  readonly onGap: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createPurgeFeed(options: PurgeFeedOptions): PurgeFeed {
  return new LogFeed(options);
}

const pageSize = 1_000;
/** A read comes back after this at the latest, which also shows that the log still answers. */
const waitMs = 500;
const retryAfterMs = 500;

class LogFeed implements PurgeFeed {
  readonly #options: PurgeFeedOptions;
  #isStopped = false;
  #following: Promise<void> | undefined;
  #reader: LogReader | undefined;
  #cancelWait = () => {};
  isCurrent = false;

  constructor(options: PurgeFeedOptions) {
    this.#options = options;
  }

  start(): void {
    this.#following ??= this.#follow();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelWait();
    await this.#reader?.close();
    await this.#following;
  }

  async #follow(): Promise<void> {
    const { logger, onGap } = this.#options;
    let hasFailed = false;
    while (!this.#isStopped) {
      try {
        await this.#read();
      } catch (error) {
        if (!hasFailed)
          logger.warn('events cannot be read: answers that they purge are not cached', { error });
        hasFailed = true;
        if (isServiceError(error) && error.reason === 'not_supported') return;
      }
      this.isCurrent = false;
      onGap();
      if (!this.#isStopped) await this.#pause();
    }
  }

  /** Until the log fails or the feed stops. */
  async #read(): Promise<void> {
    const { log, topics, onEvent, onGap } = this.#options;
    const from = new Map<number, StartAt>();
    for (let partition = 0; partition < log.partitions; partition += 1) from.set(partition, 'end');
    const reader = await log.open({ group: 'gateway', topics, from });
    this.#reader = reader;
    try {
      let page = await reader.next(pageSize, 0);
      // What was stored before the end was known may be older than an event that nobody here has heard of.
      onGap();
      this.isCurrent = !this.#isStopped;
      while (!this.#isStopped) {
        for (const event of page.events) onEvent(event);
        await reader.commit(page.positions as ReadonlyMap<number, LogPosition>);
        const askedMs = performance.now();
        page = await reader.next(pageSize, waitMs);
        // A reader that was closed under us answers at once, for ever.
        if (page.events.length === 0 && page.positions.size === 0 && performance.now() - askedMs < waitMs / 2)
          return;
      }
    } finally {
      this.#reader = undefined;
      await reader.close();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.setTimer(resolve, retryAfterMs);
      this.#cancelWait = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** Service and event of `orders.changed`. */
export function nameOfEvent(event: CloudEvent): { readonly service: string; readonly name: string } {
  const topic = topicOf(event);
  const dot = topic.indexOf('.');
  return { service: topic.slice(0, dot), name: topic.slice(dot + 1) };
}
