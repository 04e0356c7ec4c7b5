import { type Clock, type Logger, silentLogger, systemClock } from '@banyan/core';
import type { CloudEvent } from './cloud-event.ts';
import type { DeliverTwiceOptions, Delivery } from './delivery.ts';
import type { EventLog } from './event-log.ts';
import { createEventReader, type EventReader } from './event-reader.ts';
import { createEventWorker, type EventWorker } from './event-worker.ts';
import type { Inbox, InboxCounts } from './inbox.ts';
import { settlesWithin } from './settle.ts';

export interface ConsumerOptions {
  /** Consumer group: the service's name. */
  readonly name: string;
  /** This instance: different from every other running one, the same after a restart of this one (`orders-1`). */
  readonly instance: string;
  readonly log: EventLog;
  readonly inbox: Inbox;
  /** `service.event` names. */
  readonly topics: readonly string[];
  /** Rejecting means "not handled": see the README for which errors are retried how. Runs for different keys at the same time. */
  readonly handle: (event: CloudEvent, delivery: Delivery) => Promise<void>;
  /** Handlers at the same time. Default 16. */
  readonly concurrency?: number;
  /** Default 30,000. The lease is this and a margin. */
  readonly handlerTimeoutMs?: number;
  /**
   * Deliveries that may fail by the handler's own fault before the event is dead. Default 8: with the back-off that is about a minute, longer than a
   * rolling restart, shorter than the patience of whoever waits behind it.
   */
  readonly maxAttempts?: number;
  /** How long an event may wait for a dependency that is down. Default 24 hours. */
  readonly maxWaitMs?: number;
  /** How long events can wait if a wake-up was lost. Default 1,000. */
  readonly pollIntervalMs?: number;
  /** Events read from the log at once. Default 500. */
  readonly batchSize?: number;
  /** How long finished events are remembered to recognise duplicates. Default 7 days. */
  readonly retentionMs?: number;
  /** For development: hands each batch to the inbox twice, and interrupts handlers just before their commit, once an event. */
  readonly deliverTwice?: DeliverTwiceOptions;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

export interface ConsumerStatus extends InboxCounts {
  readonly running: boolean;
  readonly inFlight: number;
  /** Failed reads of the log since the last good one. */
  readonly consecutiveReadFailures: number;
  readonly lastError: unknown;
}

/**
 * Brings the events of some topics to a handler: reads the log, keeps them in the inbox, and hands them out, in order for each key.
 *
 * Run one in every process of the service. Each event's effect happens once if the handler changes only its own database; what it does elsewhere
 * may be repeated. A consumer that is new, or new to a topic, starts at the beginning of the log.
 */
export interface Consumer {
  /** Makes the events of this instance's previous life claimable, then begins. @throws what the inbox's database throws */
  start(): Promise<void>;
  /**
   * Takes no more events, waits at most `timeoutMs` (default 10,000) for handlers in flight, then aborts them and gives their events back.
   * Idempotent; the consumer can start again.
   */
  stop(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Looks for events now rather than at the next poll. Cheap, never throws. */
  poke(): void;
  status(): Promise<ConsumerStatus>;
}

export function createConsumer(options: ConsumerOptions): Consumer {
  return new InboxConsumer(options);
}

export type ConsumerSettings = Required<Omit<ConsumerOptions, 'deliverTwice'>> &
  Pick<ConsumerOptions, 'deliverTwice'>;

const houseKeepingIntervalMs = 60_000;

class InboxConsumer implements Consumer {
  readonly #settings: ConsumerSettings;
  readonly #reader: EventReader;
  readonly #worker: EventWorker;
  #running = false;
  #cancelPrune = () => {};

  constructor(options: ConsumerOptions) {
    const settings: ConsumerSettings = {
      concurrency: 16,
      handlerTimeoutMs: 30_000,
      maxAttempts: 8,
      maxWaitMs: 24 * 3_600_000,
      pollIntervalMs: 1_000,
      batchSize: 500,
      retentionMs: 7 * 24 * 3_600_000,
      clock: systemClock,
      logger: silentLogger,
      random: Math.random,
      ...options,
    };
    checkSettings(settings);
    this.#settings = settings;
    this.#worker = createEventWorker(settings);
    this.#reader = createEventReader({
      ...settings,
      isRepeating: settings.deliverTwice !== undefined,
      onIngest: () => this.#worker.poke(),
    });
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
    this.#reader.start();
    this.#pruneLater();
  }

  async stop({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#cancelPrune();
    const reading = settlesWithin(this.#reader.stop(), timeoutMs, this.#settings.clock);
    await Promise.all([reading, this.#worker.stop(timeoutMs)]);
  }

  poke(): void {
    if (!this.#running) return;
    this.#reader.poke();
    this.#worker.poke();
  }

  async status(): Promise<ConsumerStatus> {
    const counts = await this.#settings.inbox.counts();
    return {
      ...counts,
      running: this.#running,
      inFlight: this.#worker.inFlight,
      consecutiveReadFailures: this.#reader.consecutiveFailures,
      lastError: this.#worker.lastError ?? this.#reader.lastError,
    };
  }

  #pruneLater(): void {
    this.#cancelPrune = this.#settings.clock.setTimer(() => {
      void this.#prune();
      this.#pruneLater();
    }, houseKeepingIntervalMs);
  }

  async #prune(): Promise<void> {
    const { inbox, retentionMs, logger } = this.#settings;
    try {
      await inbox.prune(retentionMs);
    } catch (error) {
      logger.warn('the inbox could not be pruned; trying again later', { error });
    }
  }
}

function checkSettings(settings: ConsumerSettings): void {
  for (const name of [
    'concurrency',
    'maxAttempts',
    'batchSize',
    'handlerTimeoutMs',
    'pollIntervalMs',
  ] as const) {
    const value = settings[name];
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new TypeError(`createConsumer(): \`${name}\` is a whole number from 1, not ${String(value)}.`);
    }
  }
  if (settings.name === '' || settings.instance === '') {
    throw new TypeError('createConsumer(): give `name` and `instance` a text.');
  }
  if (typeof settings.handle !== 'function') throw new TypeError('createConsumer(): `handle` is a function.');
}
