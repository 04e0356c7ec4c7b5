import { isServiceError, type ServiceError, sleep } from '@banyan/core';
import { backoffMs } from './backoff.ts';
import { type CloudEvent, orderingKeyOf, topicOf } from './cloud-event.ts';
import type { ConsumerSettings } from './consumer-settings.ts';
import { arrivalBefore, arrivalOf, type EventPage, wholeArrival } from './event-page.ts';
import type { Arrival } from './inbox.ts';
import { type BatchResult, type BatchRun, createBatchRun } from './page-batch.ts';
import { createRehearsal, type Rehearsal } from './rehearsal.ts';

/** Brings pages into the inbox, one after the other: by the short way what it can, by the patient way the rest. */
export interface PageHandler {
  /** Committed batches. */
  readonly batches: number;
  /** How many events to read at once, so that a batch takes neither too long nor too little time. */
  readonly batchSize: number;
  readonly lastError: unknown;
  /**
   * Resolves when the whole page is handled or stored, and its places have moved. Waits for as long as the database is away.
   * @throws ServiceError `aborted` `lease_lost`; the last error if the consumer stops meanwhile
   */
  handle(page: EventPage): Promise<void>;
  /** No attempt is begun after this; one that is under way goes on, unless there is a reason to abort it. */
  stop(reason?: ServiceError): void;
}

export function createPageHandler(settings: ConsumerSettings, onStored: () => void): PageHandler {
  return new InboxPageHandler(settings, onStored);
}

/** Refusals, or rejections that nobody can be blamed for, after which the whole page goes the patient way. */
const maxRejections = 3;
const retryBackoff = { firstMs: 50, maxMs: 10_000 };
const slowBatchMs = 1_000;
const quickBatchMs = 200;
const smallestBatch = 10;

class InboxPageHandler implements PageHandler {
  readonly #settings: ConsumerSettings;
  /** Called when events were stored that wait for a worker. */
  readonly #onStored: () => void;
  readonly #rehearsal: Rehearsal | undefined;
  readonly #stopping = new AbortController();
  #run: BatchRun | undefined;
  batches = 0;
  batchSize: number;
  lastError: unknown;

  constructor(settings: ConsumerSettings, onStored: () => void) {
    const { deliverTwice, clock } = settings;
    this.#settings = settings;
    this.#onStored = onStored;
    this.#rehearsal = deliverTwice && createRehearsal(deliverTwice, clock);
    this.batchSize = settings.batchSize;
  }

  stop(reason?: ServiceError): void {
    this.#stopping.abort();
    if (reason !== undefined) this.#run?.abort(reason);
  }

  async handle(page: EventPage): Promise<void> {
    await this.#rehearsal?.delay(this.#stopping.signal);
    const isHandled = await this.#handleBatches(page);
    if (!isHandled) await this.#ingest(wholeArrival(page));
    this.lastError = undefined;
  }

  /** False if the page, or what is left of it, must go the patient way. */
  async #handleBatches(page: EventPage): Promise<boolean> {
    if (this.#settings.handleBatch === undefined || page.page.events.length === 0) return false;
    const events = this.#rehearsal?.shuffle(page.page.events) ?? page.page.events;
    const excluded = this.#patientKeys(events);
    let rest = events;
    for (let rejections = 0, stored = -1; rejections < maxRejections; ) {
      if (excluded.size !== Math.max(stored, 0) || (stored < 0 && page.page.malformed.length > 0)) {
        rest = await this.#storeExcluded(page, events, excluded);
      }
      stored = excluded.size;
      if (rest.length === 0) return false;
      const result = await this.#attempt(arrivalOf(page, rest));
      if (result.kind === 'committed') return true;
      if (result.kind === 'expired') {
        this.lastError = result.error;
        return false;
      }
      if (result.kind === 'refused') {
        for (const key of result.keys) excluded.add(key);
        rejections += 1;
      } else rejections += await this.#overcome(result.error, rejections);
    }
    return false;
  }

  /** Keys with an event that must not share a transaction: all of their events go together, to keep their order. */
  #patientKeys(events: readonly CloudEvent[]): Set<string> {
    const { isBatchable } = this.#settings;
    const answers = new Map<string, boolean>();
    const keys = new Set<string>();
    for (const event of events) {
      const topic = topicOf(event);
      let isShort = answers.get(topic);
      if (isShort === undefined) {
        isShort = isBatchable(topic);
        answers.set(topic, isShort);
      }
      if (!isShort || this.#rehearsal?.isPatient(event.subject) === true) keys.add(orderingKeyOf(event));
    }
    return keys;
  }

  /** Stores what takes the patient way before the rest is handled; returns the rest. */
  async #storeExcluded(
    page: EventPage,
    events: readonly CloudEvent[],
    excluded: ReadonlySet<string>,
  ): Promise<readonly CloudEvent[]> {
    const patient: CloudEvent[] = [];
    const rest: CloudEvent[] = [];
    for (const event of events) (excluded.has(orderingKeyOf(event)) ? patient : rest).push(event);
    // The whole page will be stored, with its places.
    if (rest.length > 0) await this.#ingest(arrivalBefore(page, patient));
    return rest;
  }

  async #attempt(arrival: Arrival): Promise<BatchResult> {
    const { clock } = this.#settings;
    const beganAtMs = clock.nowMs();
    const result = await this.#runOnce(arrival, this.#rehearsal?.isInterrupted() ?? false);
    if (result.kind !== 'committed') return result;
    this.#adapt(clock.nowMs() - beganAtMs, arrival.events.length);
    this.batches += 1;
    // Some events wait behind unfinished ones of their keys.
    if (result.handled < arrival.events.length) this.#onStored();
    if (this.#rehearsal !== undefined) await this.#runOnce(arrival, false);
    return result;
  }

  async #runOnce(arrival: Arrival, isInterrupted: boolean): Promise<BatchResult> {
    const settings = this.#settings;
    const { handleBatch } = settings;
    if (handleBatch === undefined) return { kind: 'refused', keys: [] };
    this.#run = createBatchRun({ arrival, settings, handleBatch, isInterrupted });
    const result = await this.#run.execute();
    this.#run = undefined;
    return result;
  }

  /** Waits before the next attempt; returns how much the rejection counts against the batch. */
  async #overcome(error: unknown, rejections: number): Promise<number> {
    this.lastError = error;
    const { reason, code } = isServiceError(error) ? error : { reason: undefined, code: undefined };
    if (reason === 'crash_rehearsed') return 0;
    if (reason === 'lease_lost' || this.#stopping.signal.aborted) throw error;
    this.#settings.logger.warn('a batch of events could not be handled; trying again', { error });
    await this.#pause(rejections);
    return code === 'unavailable' ? 0 : 1;
  }

  /** Stores events, as soon as the database lets us. */
  async #ingest(arrival: Arrival): Promise<void> {
    const { inbox, logger } = this.#settings;
    for (let failures = 0; ; failures += 1) {
      try {
        await inbox.ingest(arrival);
        if (this.#rehearsal !== undefined) await inbox.ingest(arrival);
        if (arrival.events.length > 0) this.#onStored();
        return;
      } catch (error) {
        this.lastError = error;
        if (isServiceError(error) && error.reason === 'lease_lost') throw error;
        if (this.#stopping.signal.aborted) throw error;
        logger.warn('events could not be stored; trying again', { error });
        await this.#pause(failures);
      }
    }
  }

  async #pause(earlier: number): Promise<void> {
    const { clock, random } = this.#settings;
    // Stopping ends the wait; the next attempt then decides.
    await sleep(backoffMs(retryBackoff, earlier, random), clock, this.#stopping.signal).catch(() => {});
  }

  #adapt(tookMs: number, count: number): void {
    if (tookMs > slowBatchMs) this.batchSize = Math.max(smallestBatch, Math.floor(this.batchSize / 2));
    else if (tookMs < quickBatchMs && count * 2 >= this.batchSize) {
      // A large page comes in halves.
      this.batchSize = Math.min(this.#settings.batchSize, this.batchSize * 2);
    }
  }
}
