import type { Clock, Logger } from '@banyan/core';
import type { Metrics } from '../metrics.ts';
import type { HttpSender, Rejected, SendOutcome } from './http-sender.ts';

export interface ExportQueueOptions<Item> {
  /** `traces`, `logs`, `metrics`: the label of the figures, and in the log line. */
  readonly signal: string;
  readonly sender: HttpSender;
  readonly encode: (items: readonly Item[]) => string;
  readonly maxItems: number;
  readonly maxBatch: number;
  /** How long an item waits for others. */
  readonly delayMs: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: () => Logger;
}

/** Items on their way out. Adding one never waits and never fails; when there is no room the oldest goes. */
export interface ExportQueue<Item> {
  add(item: Item): void;
  /** Sends what is there, within `timeoutMs`, and gives up the rest. Idempotent; never rejects. */
  stop(timeoutMs: number): Promise<void>;
}

export function createExportQueue<Item>(options: ExportQueueOptions<Item>): ExportQueue<Item> {
  return new BoundedQueue(options);
}

const firstBackoffMs = 500;
const maxBackoffMs = 30_000;
/** A receiver that asks for more is gone for us. */
const maxRetryAfterMs = 5 * 60_000;
/** Fewer refusals to try again are a receiver that is starting: nothing that a reader of the log has to look at. */
const attemptsBeforeTold = 3;

class BoundedQueue<Item> implements ExportQueue<Item> {
  readonly #options: ExportQueueOptions<Item>;
  readonly #accepted: { inc(by?: number): void };
  readonly #shed: (reason: 'full' | 'refused' | 'stopped' | 'failed', count: number) => void;
  readonly #giveUp = new AbortController();
  /** From `#head` on; what is before it has been taken out. */
  #items: Item[] = [];
  #head = 0;
  #cancelTimer: (() => void) | undefined;
  #sending: Promise<void> | undefined;
  #isStopping = false;
  #wake: (() => void) | undefined;
  #isFailing = false;

  constructor(options: ExportQueueOptions<Item>) {
    this.#options = options;
    const { metrics, signal } = options;
    this.#accepted = metrics
      .counter({
        name: 'banyan_telemetry_exported_total',
        help: 'Spans, log records and metric points that a receiver has accepted.',
        labels: ['signal'],
      })
      .labels(signal);
    const shed = metrics.counter({
      name: 'banyan_telemetry_shed_total',
      help: 'Spans, log records and metric points that were given up, because the queue was full, the receiver refused them, the process ended, or they could not be written.',
      labels: ['signal', 'reason'],
    });
    const series = {
      full: shed.labels(signal, 'full'),
      refused: shed.labels(signal, 'refused'),
      stopped: shed.labels(signal, 'stopped'),
      failed: shed.labels(signal, 'failed'),
    };
    this.#shed = (reason, count) => series[reason].inc(count);
  }

  get #size(): number {
    return this.#items.length - this.#head;
  }

  add(item: Item): void {
    if (this.#giveUp.signal.aborted) return;
    const { maxItems, maxBatch, delayMs, clock } = this.#options;
    if (this.#size >= maxItems) {
      this.#takeOut(1);
      this.#shed('full', 1);
    }
    this.#items.push(item);
    if (this.#sending !== undefined) return;
    if (this.#size >= maxBatch) this.#start();
    else this.#cancelTimer ??= clock.setTimer(() => this.#start(), delayMs);
  }

  async stop(timeoutMs: number): Promise<void> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      this.#wake?.();
      this.#start();
      const cancel = this.#options.clock.setTimer(() => this.#giveUp.abort(), timeoutMs);
      await this.#sending;
      cancel();
      this.#giveUp.abort();
      if (this.#size > 0) this.#shed('stopped', this.#size);
      this.#takeOut(this.#size);
    }
    await this.#sending;
  }

  #start(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      if (this.#size > 0 && !this.#isStopping)
        this.#cancelTimer ??= this.#options.clock.setTimer(() => this.#start(), this.#options.delayMs);
    });
  }

  /** Sends whole batches, and at the stop everything. */
  async #sendAll(): Promise<void> {
    const { maxBatch } = this.#options;
    do {
      const batch = this.#items.slice(this.#head, this.#head + maxBatch);
      if (batch.length === 0) return;
      this.#takeOut(batch.length);
      await this.#tryDeliver(batch);
    } while ((this.#size >= maxBatch || this.#isStopping) && !this.#giveUp.signal.aborted);
  }

  /** Never rejects: nobody waits for it, and a process must not end for what it tells about itself. */
  async #tryDeliver(batch: readonly Item[]): Promise<void> {
    try {
      const body = this.#written(batch);
      if (body !== undefined) return await this.#deliver(body, batch.length);
      // One that cannot be written must not cost the others.
      const writable = batch.filter((item) => this.#written([item]) !== undefined);
      this.#shed('failed', batch.length - writable.length);
      if (writable.length > 0) await this.#deliver(this.#options.encode(writable), writable.length);
    } catch {
      this.#shed('failed', batch.length);
    }
  }

  #written(items: readonly Item[]): string | undefined {
    try {
      return this.#options.encode(items);
    } catch {
      return undefined;
    }
  }

  /** Until it is accepted, refused, or given up for newer ones. @param size of the batch, in items */
  async #deliver(body: string, size: number): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#options.sender.send(body, this.#giveUp.signal);
      if (outcome.kind === 'accepted') return this.#count(size, outcome.rejected);
      if (outcome.kind === 'refused' || attempt + 1 >= attemptsBeforeTold) this.#tell(outcome);
      if (outcome.kind === 'refused') return this.#shed('refused', size);
      if (this.#giveUp.signal.aborted) return this.#shed('stopped', size);
      await this.#wait(outcome.afterMs ?? backoffMs(attempt));
      // It is the oldest there is; with a full queue behind it, it goes first.
      if (this.#size >= this.#options.maxItems) {
        // The next batch begins to count anew, and may be given up as soon.
        this.#tell(outcome);
        return this.#shed('full', size);
      }
    }
  }

  #count(sent: number, { items, why }: Rejected): void {
    // A reading of metrics is one item here, and has many points there.
    const rejected = Math.min(items, sent);
    this.#accepted.inc(sent - rejected);
    if (rejected === 0) this.#isFailing = false;
    else {
      this.#shed('refused', rejected);
      this.#tell({ kind: 'refused', why });
    }
  }

  async #wait(delayMs: number): Promise<void> {
    // At the stop there is no time to wait for more than a moment.
    const boundMs = this.#isStopping ? 100 : maxRetryAfterMs;
    const waited = Promise.withResolvers<void>();
    this.#wake = waited.resolve;
    const cancel = this.#options.clock.setTimer(waited.resolve, Math.min(delayMs, boundMs));
    await waited.promise;
    cancel();
    this.#wake = undefined;
  }

  #takeOut(count: number): void {
    this.#head += count;
    if (this.#head < 1_024 && this.#head < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }

  /** Once for each time that it fails: what is lost is counted, and a line for each would be lost in the same way. */
  #tell(outcome: Exclude<SendOutcome, { readonly kind: 'accepted' }>): void {
    if (this.#isFailing || this.#isStopping) return;
    this.#isFailing = true;
    const { signal, logger } = this.#options;
    const then = outcome.kind === 'refused' ? 'it is given up' : 'it is kept as long as there is room';
    logger().warn(`${signal} of this process are not accepted: ${then}`, { signal, why: outcome.why });
  }
}

function backoffMs(attempt: number): number {
  return Math.min(firstBackoffMs * 2 ** attempt, maxBackoffMs) * (0.5 + Math.random() / 2);
}
