import { isServiceError, type ServiceError } from '@banyan/core';
import { backoffMs } from './backoff.ts';
import { orderingKeyOf } from './cloud-event.ts';
import type { ConsumerSettings } from './consumer-settings.ts';
import { partitionOf } from './encoded-event.ts';
import type { LogPage, LogReader, ReadRequest, StartAt } from './event-log.ts';
import type { EventPage } from './event-page.ts';
import { failingSince } from './failing-since.ts';
import type { PartitionLease } from './inbox.ts';
import { startBehindLoss } from './lost-position.ts';
import { createPace } from './pace.ts';
import { createPageHandler, type PageHandler } from './page-handler.ts';
import { createWakeUp, type WakeUp, waitOut } from './wake-up.ts';

/** What one lane reads: topics that stand at the same places, in some partitions. */
export interface LanePlan {
  readonly topics: readonly string[];
  readonly leases: readonly PartitionLease[];
  readonly from: ReadonlyMap<number, StartAt>;
}

export interface EventLaneOptions extends LanePlan {
  readonly settings: ConsumerSettings;
  /** Called when events were stored that wait for a worker. */
  readonly onStored: () => void;
  /** Called when a partition is no longer ours: the lane has ended. */
  readonly onLost: () => void;
}

/** Reads some partitions page by page, in order, and brings each page into the inbox; reads the next page meanwhile. */
export interface EventLane {
  readonly batches: number;
  readonly consecutiveFailures: number;
  readonly lastError: unknown;
  /** Where it is, as far as it is stored. */
  readonly places: ReadRequest;
  /** How long the oldest event has waited that was read and is not stored, or how long nothing could be read. */
  readonly behindMs: number;
  start(): void;
  /** Finishes the page in hand. Never rejects. */
  stop(): Promise<void>;
  abort(reason: ServiceError): void;
}

export function createEventLane(options: EventLaneOptions): EventLane {
  return new LogLane(options);
}

const errorBackoff = { firstMs: 100, maxMs: 10_000 };
const emptyPagePauseMs = 50;
/** A smaller page is handled whole: a transaction more would cost more than it gains. */
const splitFrom = 200;

class LogLane implements EventLane {
  readonly #options: EventLaneOptions;
  readonly #settings: ConsumerSettings;
  /** Two, so that this process works on one half of a large page while the database works on the other. */
  readonly #handlers: readonly PageHandler[];
  readonly #places: Map<number, StartAt>;
  readonly #leases: ReadonlyMap<number, PartitionLease>;
  readonly #wakeUp: WakeUp;
  #isStopping = false;
  #task: Promise<void> | undefined;
  #reader: LogReader | undefined;
  #inHand: LogPage | undefined;
  #failingSinceMs: number | undefined;
  #readError: unknown;
  consecutiveFailures = 0;

  constructor(options: EventLaneOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#handlers = [0, 1].map(() => createPageHandler(options.settings, options.onStored));
    this.#places = new Map(options.from);
    this.#leases = new Map(options.leases.map((lease) => [lease.partition, lease]));
    this.#wakeUp = createWakeUp(options.settings.clock);
  }

  get batches(): number {
    return this.#handlers.reduce((sum, { batches }) => sum + batches, 0);
  }

  get lastError(): unknown {
    return this.#readError ?? this.#handlers.find(({ lastError }) => lastError !== undefined)?.lastError;
  }

  get places(): ReadRequest {
    return { group: this.#settings.name, topics: this.#options.topics, from: new Map(this.#places) };
  }

  get behindMs(): number {
    const nowMs = this.#settings.clock.nowMs();
    const failingMs = this.#failingSinceMs === undefined ? 0 : nowMs - this.#failingSinceMs;
    // Times of one form sort as texts do.
    const oldest = this.#inHand?.events.reduce((time, event) => (event.time < time ? event.time : time), '~');
    const waitingMs = oldest === undefined || oldest === '~' ? 0 : nowMs - Date.parse(oldest);
    return Math.max(0, failingMs, waitingMs);
  }

  start(): void {
    this.#task ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const handler of this.#handlers) handler.stop();
    this.#wakeUp.wake();
    // What is read ahead is read again by whoever comes next.
    if (this.#inHand === undefined) await this.#reader?.close();
    await this.#task;
  }

  abort(reason: ServiceError): void {
    for (const handler of this.#handlers) handler.stop(reason);
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      try {
        await this.#readOn();
      } catch (error) {
        if (this.#isStopping) return;
        if (isServiceError(error) && error.reason === 'lease_lost') {
          this.#options.onLost();
          return;
        }
        const mayGoOn = await this.#recover(error);
        if (!mayGoOn) return;
      }
    }
  }

  async #readOn(): Promise<void> {
    const { log, pollIntervalMs, gatherMs, clock } = this.#settings;
    const reader = await log.open(this.places);
    this.#reader = reader;
    try {
      const pace = createPace(gatherMs);
      const read = async () => {
        await pace.gather();
        const limit = Math.min(...this.#handlers.map(({ batchSize }) => batchSize));
        const page = await reader.next(limit, pollIntervalMs);
        pace.took(page.events.length >= limit);
        return page;
      };
      let reading = read();
      while (!this.#isStopping) {
        const askedAtMs = clock.nowMs();
        const page = await reading;
        this.#isReading();
        if (this.#isStopping) return;
        if (page.positions.size === 0) {
          // A reader that answers at once with nothing would keep the process busy.
          if (clock.nowMs() - askedAtMs < 1) await this.#wakeUp.wait(emptyPagePauseMs);
          reading = read();
          continue;
        }
        this.#inHand = page;
        reading = read();
        // It is awaited later, or not at all.
        reading.catch(() => {});
        await pace.measure(() => this.#handle(page));
        await reader.commit(page.positions);
        this.#inHand = undefined;
      }
    } finally {
      this.#inHand = undefined;
      this.#reader = undefined;
      await reader.close();
    }
  }

  /** Keys stay in their partitions, so halves by partition keep the order. */
  async #handle(page: LogPage): Promise<void> {
    const halves = page.events.length < splitFrom ? [page] : splitPage(page, this.#settings.log.partitions);
    const outcomes = await Promise.allSettled(
      halves.map(async (half, index) => {
        await this.#handlers[index]?.handle(this.#toEventPage(half));
        for (const [partition, position] of half.positions) this.#places.set(partition, { position });
      }),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  #toEventPage(page: LogPage): EventPage {
    const leases: PartitionLease[] = [];
    for (const partition of page.positions.keys()) {
      const lease = this.#leases.get(partition);
      if (lease !== undefined) leases.push(lease);
    }
    return { page, leases, topics: this.#options.topics };
  }

  #isReading(): void {
    this.consecutiveFailures = 0;
    this.#failingSinceMs = undefined;
    this.#readError = undefined;
  }

  /** Waits before the next attempt; false if there is to be none. */
  async #recover(error: unknown): Promise<boolean> {
    const { clock, logger, random } = this.#settings;
    this.consecutiveFailures += 1;
    this.#failingSinceMs = failingSince(this.#failingSinceMs, clock);
    this.#readError = error;
    if (isServiceError(error) && error.reason === 'position_lost') {
      const mayGoOn = await this.#skipLost();
      logger.error('the log no longer keeps what comes next', { error, mayGoOn });
      if (!mayGoOn) return false;
    }
    const retryInMs = backoffMs(errorBackoff, this.consecutiveFailures - 1, random);
    logger.warn('the event log could not be read', { error, retryInMs });
    await waitOut(this.#wakeUp, { clock, delayMs: retryInMs, isOver: () => this.#isStopping });
    return true;
  }

  /** The error does not say which partition it was: asks each. False if one of them must not be gone on with. */
  async #skipLost(): Promise<boolean> {
    const { log } = this.#settings;
    if (this.#settings.onPositionLost === 'stop') return false;
    for (const [partition, from] of this.#places) {
      try {
        const reader = await log.open({ ...this.places, from: new Map([[partition, from]]) });
        try {
          await reader.next(1, 1);
        } finally {
          await reader.close();
        }
      } catch (error) {
        if (!isServiceError(error) || error.reason !== 'position_lost') continue;
        const start = startBehindLoss(error, this.#settings);
        if (start === undefined) return false;
        this.#places.set(partition, start);
      }
    }
    return true;
  }
}

/** By even and odd partitions; a half without any is left out. */
function splitPage({ events, malformed, positions }: LogPage, partitions: number): readonly LogPage[] {
  const halves = [0, 1].map((half) => ({
    events: events.filter((event) => partitionOf(orderingKeyOf(event), partitions) % 2 === half),
    malformed: malformed.filter(({ partition }) => partition % 2 === half),
    positions: new Map([...positions].filter(([partition]) => partition % 2 === half)),
  }));
  return halves.filter((half) => half.positions.size > 0);
}
