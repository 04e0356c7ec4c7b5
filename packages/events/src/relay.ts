import { type Clock, type Logger, ServiceError, silentLogger, systemClock } from '@banyan/core';
import type { CloudEvent } from './cloud-event.ts';
import type { EventLog } from './event-log.ts';
import type { Outbox } from './outbox.ts';
import { settlesWithin } from './settle.ts';
import { createWakeUp, type WakeUp } from './wake-up.ts';

export interface RelayOptions {
  readonly outbox: Outbox;
  readonly log: EventLog;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Events handed to the log at once. Default 500. */
  readonly batchSize?: number;
  /** How long an event can wait if its `poke` was lost. Default 500. */
  readonly pollIntervalMs?: number;
  /** Default 10,000. */
  readonly publishTimeoutMs?: number;
  /** The oldest unpublished event may be this old before `status()` says overdue and the log gets an error. Default 30,000. */
  readonly overdueAfterMs?: number;
  /** How long published events stay in the outbox. Default one day. */
  readonly retentionMs?: number;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

export interface RelayStatus {
  readonly running: boolean;
  /** Committed events that are not published yet. */
  readonly backlog: number;
  /** Age of the oldest of them; 0 if there is none. */
  readonly oldestAgeMs: number;
  readonly overdue: boolean;
  /** Failed transfers since the last good one. */
  readonly consecutiveFailures: number;
  readonly lastError: unknown;
}

/**
 * Carries one service's events from its outbox to the log (message relay, polling publisher).
 *
 * Run one in every process of the service: the outbox lets one at a time through. Delivery to the log is at least once, made exactly once by the
 * log's idempotence; the order of each key is kept; a relay may die at any moment.
 */
export interface Relay {
  /** Begins at once and without I/O of its own; repeated calls do nothing. */
  start(): void;
  /** Finishes the batch in hand, for at most `timeoutMs` (default 5,000). Idempotent; the relay can start again. */
  stop(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Says that events were committed: call it from `onCommit` of the transaction that appended them. Cheap, never throws. */
  poke(): void;
  /** @throws ServiceError `unavailable` if the outbox's database cannot be asked */
  status(): Promise<RelayStatus>;
}

export function createRelay(options: RelayOptions): Relay {
  return new OutboxRelay(options);
}

const firstBusyDelayMs = 5;
const firstBackoffMs = 50;
const maxBackoffMs = 10_000;
const houseKeepingIntervalMs = 60_000;

class OutboxRelay implements Relay {
  readonly #options: Required<RelayOptions>;
  readonly #wakeUp: WakeUp;
  #running = false;
  #loop: Promise<void> | undefined;
  #failures = 0;
  #busyInARow = 0;
  #lastError: unknown;
  #keepHouseAtMs = 0;

  constructor(options: RelayOptions) {
    this.#options = {
      clock: systemClock,
      logger: silentLogger,
      batchSize: 500,
      pollIntervalMs: 500,
      publishTimeoutMs: 10_000,
      overdueAfterMs: 30_000,
      retentionMs: 24 * 3_600_000,
      random: Math.random,
      ...options,
    };
    checkOptions(this.#options);
    this.#wakeUp = createWakeUp(this.#options.clock);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    const earlier = this.#loop;
    this.#loop = this.#run(earlier);
  }

  async stop({ timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#running = false;
    this.#wakeUp.wake();
    if (this.#loop !== undefined) await settlesWithin(this.#loop, timeoutMs, this.#options.clock);
  }

  poke(): void {
    this.#wakeUp.wake();
  }

  async status(): Promise<RelayStatus> {
    const { count, oldestAgeMs } = await this.#options.outbox.backlog();
    return {
      running: this.#running,
      backlog: count,
      oldestAgeMs,
      overdue: oldestAgeMs > this.#options.overdueAfterMs,
      consecutiveFailures: this.#failures,
      lastError: this.#lastError,
    };
  }

  async #run(earlier: Promise<void> | undefined): Promise<void> {
    await earlier;
    while (this.#running) {
      const delayMs = await this.#step();
      if (delayMs > 0 && this.#running) await this.#wakeUp.wait(delayMs);
    }
  }

  /** One transfer; returns how long to wait before the next one, 0 for not at all. */
  async #step(): Promise<number> {
    const { outbox, batchSize, pollIntervalMs, random } = this.#options;
    try {
      const { busy, published } = await outbox.transfer(batchSize, (events) => this.#publish(events));
      this.#failures = 0;
      this.#lastError = undefined;
      if (published === batchSize) return 0;
      await this.#keepHouse();
      if (!busy) {
        this.#busyInARow = 0;
        return pollIntervalMs;
      }
      // The other relay may have read before our event was committed: ask again soon, not a poll later.
      this.#busyInARow += 1;
      return (
        Math.min(pollIntervalMs, firstBusyDelayMs * 2 ** Math.min(this.#busyInARow, 20)) *
        (0.5 + random() / 2)
      );
    } catch (error) {
      await this.#backOff(error);
      return 0;
    }
  }

  async #publish(events: readonly CloudEvent[]): Promise<void> {
    const { log, clock, publishTimeoutMs } = this.#options;
    const published = log.publish(events);
    if (await settlesWithin(published, publishTimeoutMs, clock)) return published;
    throw new ServiceError(`The event log did not confirm ${events.length} events in time.`, {
      code: 'unavailable',
      reason: 'log_timeout',
    });
  }

  async #backOff(error: unknown): Promise<void> {
    const { clock, logger, random } = this.#options;
    this.#failures += 1;
    this.#lastError = error;
    const bound = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(this.#failures, 20));
    const delayMs = Math.round(bound * (0.5 + random() / 2));
    logger.warn('events could not be published; they wait in the outbox', {
      error,
      failures: this.#failures,
      retryInMs: delayMs,
    });
    await this.#keepHouse();
    // Every new event pokes: without this loop a log that is down would be asked once for each of them.
    const endsAtMs = clock.nowMs() + delayMs;
    while (this.#running && clock.nowMs() < endsAtMs) await this.#wakeUp.wait(endsAtMs - clock.nowMs());
  }

  async #keepHouse(): Promise<void> {
    const { clock, outbox, retentionMs, overdueAfterMs, logger } = this.#options;
    if (clock.nowMs() < this.#keepHouseAtMs) return;
    this.#keepHouseAtMs = clock.nowMs() + houseKeepingIntervalMs;
    try {
      const { count, oldestAgeMs } = await outbox.backlog();
      if (oldestAgeMs > overdueAfterMs) logger.error('events are overdue', { count, oldestAgeMs });
      await outbox.prune(retentionMs);
    } catch (error) {
      logger.warn('the outbox could not be looked after; trying again later', { error });
    }
  }
}

function checkOptions(options: Required<RelayOptions>): void {
  for (const name of ['batchSize', 'pollIntervalMs', 'publishTimeoutMs'] as const) {
    const value = options[name];
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new TypeError(`createRelay(): \`${name}\` is a whole number from 1, not ${String(value)}.`);
    }
  }
}
