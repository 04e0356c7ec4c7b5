import type { Clock, Sql } from '@banyan/core';
import type { SpanRecord } from '../records.ts';
import { insertTraffic } from '../writing/insert.ts';
import { EdgeFinder, measuredOf } from './edge-finder.ts';
import {
  bucketSeconds,
  historySeconds,
  type TrafficKey,
  type TrafficRow,
  TrafficSums,
} from './traffic-sums.ts';

export interface DueSums {
  readonly recent: readonly TrafficRow[];
  readonly history: readonly TrafficRow[];
}

const writeRecentEveryMs = bucketSeconds * 1_000;
const writeHistoryEveryMs = 60_000;
const nothing: readonly TrafficRow[] = [];

/** Sums up requests while spans arrive. What is not written yet is in memory, and `recent` and `history` have it. */
export class TrafficKeeper {
  readonly #clock: Clock;
  readonly #recent = new TrafficSums(bucketSeconds);
  readonly #history = new TrafficSums(historySeconds);
  readonly #edges: EdgeFinder;
  #recentWrittenMs = 0;
  #historyWrittenMs = 0;
  #takesAll = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#edges = new EdgeFinder((key, measured) => {
      this.#recent.add(key, measured);
      this.#history.add(key, measured);
    });
  }

  see(spans: readonly SpanRecord[]): void {
    const nowMs = this.#clock.nowMs();
    for (const span of spans) {
      if (span.kind === 'server' || span.kind === 'consumer') {
        const { service, version = '' } = span.resource;
        const key: TrafficKey = { kind: span.kind, source: service, target: span.name, version };
        const measured = measuredOf(span);
        this.#recent.add(key, measured);
        this.#history.add(key, measured);
      }
      this.#edges.see(span, nowMs);
    }
    this.#edges.tick(nowMs);
  }

  /** Rows that are not written yet. */
  unwritten(seconds: number): readonly TrafficRow[] {
    this.#edges.tick(this.#clock.nowMs());
    return seconds === bucketSeconds ? this.#recent.rows() : this.#history.rows();
  }

  /** From now on all is due: the process ends. */
  finish(): void {
    this.#takesAll = true;
  }

  takeDue(): DueSums {
    const nowMs = this.#clock.nowMs();
    const isDue = (writtenMs: number, everyMs: number) => this.#takesAll || nowMs - writtenMs >= everyMs;
    const recentIsDue = isDue(this.#recentWrittenMs, writeRecentEveryMs);
    const historyIsDue = isDue(this.#historyWrittenMs, writeHistoryEveryMs);
    if (recentIsDue) this.#recentWrittenMs = nowMs;
    if (historyIsDue) this.#historyWrittenMs = nowMs;
    return {
      recent: recentIsDue ? this.#recent.take() : nothing,
      history: historyIsDue ? this.#history.take() : nothing,
    };
  }

  write(sql: Sql, chunk: number, sums: DueSums): Promise<void> {
    return insertTraffic(sql, chunk, sums);
  }
}
