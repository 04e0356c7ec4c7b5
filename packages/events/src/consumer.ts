import { ServiceError } from '@banyan/core';
import { type AlarmWatch, createAlarmWatch } from './alarm.ts';
import { type ConsumerOptions, type ConsumerSettings, toConsumerSettings } from './consumer-settings.ts';
import { createEventIntake, type EventIntake } from './event-intake.ts';
import { createEventWorker, type EventWorker } from './event-worker.ts';
import type { InboxCounts } from './inbox.ts';
import { settlesWithin } from './settle.ts';

export interface ConsumerStatus extends InboxCounts {
  readonly running: boolean;
  /** Handlers at work on the patient way. */
  readonly inFlight: number;
  /** Partitions that this instance reads. */
  readonly partitions: readonly number[];
  /** Live instances of the consumer, this one included; 0 while that is not known. */
  readonly members: number;
  /** Events in this instance's partitions of the log that are neither handled nor stored: exact or an upper bound; the last known while the log is away. */
  readonly lag: number;
  /** Age of the oldest event known that is not handled, or how long nothing could be read, whichever is more. Dead events and those behind them do not count. */
  readonly behindMs: number;
  readonly overdue: boolean;
  /** Transactions in which this instance handled events together. */
  readonly batches: number;
  /** Failed reads of the log since the last good one. */
  readonly consecutiveReadFailures: number;
  readonly lastError: unknown;
}

/**
 * Brings the events of some topics to a handler: reads the log, handles what it can page by page in one transaction each, and hands out the rest one by
 * one, in order for each key.
 *
 * Run one in every process of the service; they share the partitions of the log. Each event's effect happens once if the handler changes only its own
 * database; what it does elsewhere may be repeated. A consumer that is new, or new to a topic, starts at the beginning of the log.
 */
export interface Consumer {
  /** Makes the events of this instance's previous life claimable, then begins. @throws what the inbox's database throws */
  start(): Promise<void>;
  /**
   * Takes no more events, waits at most `timeoutMs` (default 10,000) for handlers in flight, then aborts them and gives their events and this instance's
   * partitions back. Idempotent; the consumer can start again.
   */
  stop(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Looks for events now rather than at the next poll. Cheap, never throws. */
  poke(): void;
  /** @throws ServiceError `unavailable` if the inbox's database cannot be asked */
  status(): Promise<ConsumerStatus>;
}

export function createConsumer(options: ConsumerOptions): Consumer {
  return new InboxConsumer(toConsumerSettings(options));
}

const pruneIntervalMs = 60_000;
const watchIntervalMs = 5_000;
/** How long a batch and its reader get to end after they were aborted. */
const abortGraceMs = 2_500;

class InboxConsumer implements Consumer {
  readonly #settings: ConsumerSettings;
  readonly #intake: EventIntake;
  readonly #worker: EventWorker;
  readonly #alarms: AlarmWatch;
  #running = false;
  #cancelPrune = () => {};
  #cancelWatch = () => {};
  #lag = 0;

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
    this.#worker = createEventWorker(settings);
    this.#intake = createEventIntake(settings, () => this.#worker.poke());
    const { overdueAfterMs: boundMs, onAlarm, clock, logger } = settings;
    this.#alarms = createAlarmWatch({ invariant: 'consumer', boundMs, onAlarm, clock, logger });
  }

  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      await this.#settings.inbox.release(this.#settings.instance);
    } catch (error) {
      this.#running = false;
      throw error;
    }
    if (!this.#running) return;
    this.#worker.start();
    this.#intake.start();
    this.#pruneLater();
    this.#watchLater();
  }

  async stop({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#cancelPrune();
    this.#cancelWatch();
    await Promise.all([this.#stopIntake(timeoutMs), this.#worker.stop(timeoutMs)]);
  }

  poke(): void {
    if (this.#running) this.#worker.poke();
  }

  async status(): Promise<ConsumerStatus> {
    const [counts] = await Promise.all([this.#settings.inbox.counts(), this.#lookAtLag()]);
    const behindMs = Math.max(counts.oldestAgeMs, this.#intake.behindMs);
    return {
      ...counts,
      running: this.#running,
      inFlight: this.#worker.inFlight,
      partitions: this.#intake.partitions,
      members: this.#intake.members,
      lag: this.#lag,
      behindMs,
      overdue: behindMs > this.#settings.overdueAfterMs,
      batches: this.#intake.batches,
      consecutiveReadFailures: this.#intake.consecutiveFailures,
      lastError: this.#worker.lastError ?? this.#intake.lastError,
    };
  }

  async #stopIntake(timeoutMs: number): Promise<void> {
    const { clock } = this.#settings;
    const stopping = this.#intake.stop();
    if (await settlesWithin(stopping, timeoutMs, clock)) return;
    this.#intake.abort(
      new ServiceError('The consumer stops.', { code: 'cancelled', reason: 'consumer_stopped' }),
    );
    await settlesWithin(stopping, abortGraceMs, clock);
  }

  async #lookAtLag(): Promise<void> {
    try {
      this.#lag = await this.#intake.lag();
    } catch (error) {
      this.#settings.logger.debug('the lag could not be read', { error });
    }
  }

  #pruneLater(): void {
    this.#cancelPrune = this.#settings.clock.setTimer(() => {
      void this.#prune();
      this.#pruneLater();
    }, pruneIntervalMs);
  }

  async #prune(): Promise<void> {
    const { inbox, retentionMs, logger } = this.#settings;
    try {
      await inbox.prune(retentionMs);
    } catch (error) {
      logger.warn('the inbox could not be pruned; trying again later', { error });
    }
  }

  #watchLater(): void {
    const { clock, overdueAfterMs } = this.#settings;
    this.#cancelWatch = clock.setTimer(
      () => {
        void this.#watch();
        this.#watchLater();
      },
      Math.min(watchIntervalMs, overdueAfterMs),
    );
  }

  async #watch(): Promise<void> {
    try {
      const { behindMs, pending, lag } = await this.status();
      if (this.#running) this.#alarms.observe({ ageMs: behindMs, count: pending + lag });
    } catch (error) {
      this.#settings.logger.debug('the standing of the consumer could not be read', { error });
    }
  }
}
