import type { BanyanAlarm } from '@banyan/contract';
import { type Clock, type Logger, toServiceError } from '@banyan/core';
import type { LogReader, ReaderStanding } from '@banyan/event-store';
import type { Metrics } from '@banyan/telemetry';
import { emitAlarm } from './alarm-event.ts';
import type { ServiceStore } from './engines.ts';
import { createReaderMetrics, type ReaderMetrics } from './reader-metrics.ts';
import type { ReaderHealth } from './system.ts';

export interface ReaderWatchOptions {
  readonly service: string;
  readonly store: ServiceStore;
  readonly onEmitted: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The watch over what reads the event store of one running service: subscriptions, projections and search indexes. */
export interface ReaderWatch {
  /** Looks after `reader` until the returned function is called. Any instance may watch it; an alarm is raised once for all of them. */
  watch(reader: LogReader): () => void;
  /** The standing of a few seconds ago; undefined if nothing is watched. */
  readonly lastHealth: readonly ReaderHealth[] | undefined;
  stop(): void;
}

interface Watched {
  readonly metrics: ReaderMetrics;
  /** What this instance knows to be noted; undefined before the first look. */
  isOverdue: boolean | undefined;
  health: ReaderHealth | undefined;
}

const observeIntervalMs = 5_000;

/** No I/O until something is watched. */
export function createReaderWatch(options: ReaderWatchOptions): ReaderWatch {
  return new ServiceReaderWatch(options);
}

class ServiceReaderWatch implements ReaderWatch {
  readonly #options: ReaderWatchOptions;
  readonly #watched = new Map<LogReader, Watched>();
  #cancelObserve = () => {};
  #isObserving = false;

  constructor(options: ReaderWatchOptions) {
    this.#options = options;
  }

  get lastHealth(): readonly ReaderHealth[] | undefined {
    const known = [...this.#watched.values()].flatMap(({ health }) => (health === undefined ? [] : [health]));
    return known.length === 0 ? undefined : known;
  }

  watch(reader: LogReader): () => void {
    const { service, metrics } = this.#options;
    const watched = {
      metrics: createReaderMetrics(metrics, service, reader.name),
      isOverdue: undefined,
      health: undefined,
    };
    this.#watched.set(reader, watched);
    void this.#observe();
    return () => {
      if (this.#watched.delete(reader)) watched.metrics.end();
      if (this.#watched.size === 0) this.#cancelObserve();
    };
  }

  stop(): void {
    this.#cancelObserve();
    for (const { metrics } of this.#watched.values()) metrics.end();
    this.#watched.clear();
  }

  async #observe(): Promise<void> {
    if (this.#isObserving) return;
    this.#isObserving = true;
    this.#cancelObserve();
    await Promise.all([...this.#watched].map(([reader, watched]) => this.#look(reader, watched)));
    this.#isObserving = false;
    if (this.#watched.size === 0) return;
    this.#cancelObserve = this.#options.clock.setTimer(() => void this.#observe(), observeIntervalMs);
  }

  async #look(reader: LogReader, watched: Watched): Promise<void> {
    try {
      const standing = await reader.standing();
      // It may have ended meanwhile: then its figures stay off the page.
      if (!this.#watched.has(reader)) return;
      const isOverdue = standing.ageMs > reader.overdueAfterMs;
      watched.metrics.record(standing, isOverdue);
      watched.health = toHealth(reader.name, standing, isOverdue);
      if (isOverdue !== watched.isOverdue && (await this.#tell(reader, standing, isOverdue))) {
        watched.isOverdue = isOverdue;
      }
    } catch (error) {
      const { name: reading } = reader;
      this.#options.logger.debug('the standing of a reader could not be read', { reading, error });
    }
  }

  /** A line in the log of each instance, but one event and one count for all of them. Resolves with whether it is on record. */
  async #tell(reader: LogReader, { ageMs, positions: count }: ReaderStanding, isOverdue: boolean) {
    const { name, overdueAfterMs: boundMs } = reader;
    if (isOverdue) {
      this.#options.logger.error('a reader of the event store is overdue', { name, ageMs, boundMs, count });
    }
    const state = isOverdue ? 'broken' : 'restored';
    const alarm: BanyanAlarm = { invariant: 'readers', state, ageMs, boundMs, count, reader: name };
    return emitAlarm(this.#options, alarm, (sql) => reader.noteOverdue(sql, isOverdue));
  }
}

function toHealth(
  name: string,
  { positions, ageMs, building, lastError }: ReaderStanding,
  isOverdue: boolean,
): ReaderHealth {
  return {
    name,
    onTime: !isOverdue,
    lag: positions,
    behindMs: ageMs,
    ...(building > 0 && { building }),
    ...(lastError !== undefined && { failing: toServiceError(lastError).reason }),
  };
}
