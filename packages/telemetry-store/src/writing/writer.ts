import { isServiceError, uuidv7 } from '@banyan/core';
import type { PostgresDatabase } from '@banyan/postgres';
import { type Sighting, sightingsOfLog, sightingsOfSpan } from '../errors/error-sightings.ts';
import { type RecordingOptions, recordSightings } from '../errors/record-sightings.ts';
import { insertPoints, type SeriesIds } from '../metrics/insert-points.ts';
import type { LogRecord, PointRecord, Resource, SpanRecord } from '../records.ts';
import type { DueSums, TrafficKeeper } from '../traffic/traffic-keeper.ts';
import type { Chunks } from './chunks.ts';
import { claimBatch, insertLogPage, insertSpanPage, upsertSenders } from './insert.ts';
import { type LogPage, linesPerPage, type SpanPage, toLogPages, toSpanPages } from './page-rows.ts';
import { SignalQueue } from './signal-queue.ts';

export interface WriterOptions extends RecordingOptions {
  readonly database: PostgresDatabase;
  readonly chunks: Chunks;
  readonly traffic: TrafficKeeper;
  readonly series: SeriesIds;
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  /** Must not throw. */
  readonly onStored: (stored: Stored) => void;
}

/** What has just been written. */
export interface Stored {
  readonly spans: readonly SpanRecord[];
  /** With the ids under which they can be found again. */
  readonly lines: readonly { readonly id: number; readonly line: LogRecord }[];
  readonly hasErrors: boolean;
}

const flushEveryMs = 250;
const flushAtItems = 2_000;
const maxSpansAtOnce = 8_000;
const maxLinesAtOnce = 16_000;
const maxPointsAtOnce = 10_000;
const firstBackoffMs = 250;
const maxBackoffMs = 5_000;

/**
 * Takes what arrives without waiting, and writes it in batches, one transaction each. While the database does not take them, the oldest batch is tried again
 * and again, and what does not fit into the queues is shed.
 */
export class Writer {
  readonly spans: SignalQueue<SpanRecord>;
  readonly logs: SignalQueue<LogRecord>;
  readonly metrics: SignalQueue<PointRecord>;
  readonly #options: WriterOptions;
  readonly #writerId = uuidv7();
  #batches = 0;
  #isWriting = true;
  #backoffMs = firstBackoffMs;
  #cancelTimer = () => {};
  #flushing: Promise<void> | undefined;
  #isStopped = false;
  /** Tries again at once, if it waits to. */
  #endBackoff = () => {};
  #isScheduled = false;

  constructor(options: WriterOptions) {
    this.#options = options;
    const { maxWaiting, maxWaitingBytes } = options;
    this.spans = new SignalQueue(maxWaiting, maxWaitingBytes);
    this.logs = new SignalQueue(maxWaiting, maxWaitingBytes);
    this.metrics = new SignalQueue(maxWaiting, maxWaitingBytes);
  }

  /** False while the database refuses. */
  get isWriting(): boolean {
    return this.#isWriting;
  }

  /** Something was put into a queue. */
  arrived(): void {
    if (this.#isStopped || this.#flushing !== undefined || !this.#isWriting) return;
    if (this.#waiting() >= flushAtItems) this.#flushNow();
    else this.#schedule(flushEveryMs);
  }

  /** Writes what waits, unless the database refuses. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer();
    // Its timer keeps no process alive: one that does nothing else would end before what waits is written.
    this.#endBackoff();
    await this.#flushing;
    // Once even if nothing waits: sums of what was written before are still in memory.
    do await this.#flush();
    while (this.#waiting() > 0 && this.#isWriting);
  }

  /** Resolves when all that has arrived by now is written or shed. */
  async flush(): Promise<void> {
    // The end of one batch begins the next, which has then taken what waited.
    while (this.#flushing !== undefined || (this.#waiting() > 0 && this.#isWriting)) {
      this.#flushNow();
      await this.#flushing;
    }
  }

  #waiting(): number {
    return this.spans.waiting + this.logs.waiting + this.metrics.waiting;
  }

  #schedule(delayMs: number): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    this.#cancelTimer = this.#options.clock.setTimer(() => {
      this.#isScheduled = false;
      this.#flushNow();
    }, delayMs);
  }

  #flushNow(): void {
    if (this.#flushing !== undefined) return;
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined;
      if (this.#waiting() > 0) this.arrived();
    });
  }

  async #flush(): Promise<void> {
    const spans = this.spans.take(maxSpansAtOnce);
    const logs = this.logs.take(maxLinesAtOnce);
    const points = this.metrics.take(maxPointsAtOnce);
    const queues = [this.spans, this.logs, this.metrics];
    try {
      this.#batches += 1;
      const sums = this.#options.traffic.takeDue();
      const batch = { ...(await toBatch(spans, logs, points)), number: this.#batches, sums };
      if (await this.#writeUntilDone(batch)) for (const queue of queues) queue.written();
      else for (const queue of queues) queue.lost();
    } catch (error) {
      // Whatever is wrong with this batch, those behind it are not to suffer from it.
      this.#options.logger.error('telemetry was lost: it could not be written', {
        error,
        spans: spans.length,
        logs: logs.length,
        points: points.length,
      });
      for (const queue of queues) queue.lost();
      this.#acceptsAgain();
    }
  }

  /** False if the writer is stopped while the database refuses. */
  async #writeUntilDone(batch: Batch): Promise<boolean> {
    for (;;) {
      try {
        const stored = await this.#write(batch);
        if (!this.#isWriting) this.#options.logger.info('the telemetry store takes what arrives again');
        this.#acceptsAgain();
        this.#options.onStored(stored);
        return true;
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (this.#isWriting)
          this.#options.logger.warn('the telemetry store does not take what arrives; trying on', { error });
        this.#isWriting = false;
        if (this.#isStopped) return false;
        await new Promise<void>((resolve) => {
          const cancel = this.#options.clock.setTimer(resolve, this.#backoffMs);
          this.#endBackoff = () => {
            cancel();
            resolve();
          };
        });
        this.#backoffMs = Math.min(this.#backoffMs * 2, maxBackoffMs);
      }
    }
  }

  #acceptsAgain(): void {
    this.#isWriting = true;
    this.#backoffMs = firstBackoffMs;
  }

  async #write(batch: Batch): Promise<Stored> {
    const { database, chunks, series, traffic, clock } = this.#options;
    const chunk = await chunks.current();
    const ids = await series.idsOf(batch.points);
    const pages = await database.tx(
      async ({ sql }) => {
        const writtenAt = new Date(clock.nowMs()).toISOString();
        const claim = { writerId: this.#writerId, batch: batch.number, writtenAt };
        // The commit before was not answered, but took place. Its lines are told without a number, which is to say not at all.
        if (!(await claimBatch(sql, claim))) return undefined;
        const written = await Promise.all([
          Promise.all(batch.logPages.map((page) => insertLogPage(sql, chunk, page))),
          ...batch.spanPages.map((page) => insertSpanPage(sql, chunk, page)),
          traffic.write(sql, chunk, batch.sums),
          insertPoints(sql, chunk, { points: batch.points, ids }),
          upsertSenders(sql, batch.senders),
          recordSightings(sql, batch.sightings, this.#options),
        ]);
        return written[0];
      },
      { concurrent: true },
    );
    const lines = batch.logPages.flatMap((page, index) => {
      const number = pages?.[index];
      if (number === undefined) return [];
      return page.lines.map((line, place) => ({ id: number * linesPerPage + place, line }));
    });
    return { spans: batch.spans, lines, hasErrors: batch.sightings.length > 0 };
  }
}

interface Batch {
  readonly spans: readonly SpanRecord[];
  readonly spanPages: readonly SpanPage[];
  readonly logPages: readonly LogPage[];
  readonly points: readonly PointRecord[];
  readonly senders: readonly { readonly resource: Resource; readonly lastSeenUs: number }[];
  readonly sightings: readonly Sighting[];
  /** Of this writer, counting up. */
  readonly number: number;
  /** Taken once, so that they are written or lost with the batch, however often it is tried. */
  readonly sums: DueSums;
}

async function toBatch(
  spans: readonly SpanRecord[],
  logs: readonly LogRecord[],
  points: readonly PointRecord[],
): Promise<Omit<Batch, 'number' | 'sums'>> {
  const [spanPages, logPages] = await Promise.all([toSpanPages(spans), toLogPages(logs)]);
  const senders = new Map<string, { resource: Resource; lastSeenUs: number }>();
  const see = (resource: Resource, lastSeenUs: number) => {
    const known = senders.get(resource.service);
    if (known === undefined || lastSeenUs >= known.lastSeenUs)
      senders.set(resource.service, { resource, lastSeenUs });
  };
  for (const { resource, startUs, durationUs } of spans) see(resource, startUs + durationUs);
  for (const { resource, atUs } of logs) see(resource, atUs);
  for (const { resource, atUs } of points) see(resource, atUs);
  const sightings = [...spans.flatMap(sightingsOfSpan), ...logs.flatMap(sightingsOfLog)];
  return { spans, spanPages, logPages, points, senders: [...senders.values()], sightings };
}

/** Trying again can help: the server is away, or full, or a partition has just gone. */
function isPassing(error: unknown): boolean {
  if (!isServiceError(error)) return false;
  return ['unavailable', 'resource_exhausted', 'aborted', 'deadline_exceeded'].includes(error.code);
}
