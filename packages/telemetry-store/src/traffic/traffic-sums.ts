import { type Marks, markOf } from './duration-marks.ts';

/** What is summed up: requests that an operation served, or that one node sent another. */
export const trafficKinds = ['server', 'consumer', 'call', 'event', 'database', 'external'] as const;
export type TrafficKind = (typeof trafficKinds)[number];

/** `server`, `consumer`: service and operation; the others: from and to. */
export interface TrafficKey {
  readonly kind: TrafficKind;
  readonly source: string;
  readonly target: string;
  /** Of the service that served; empty if unknown. */
  readonly version: string;
}

export interface TrafficRow extends TrafficKey {
  /** Seconds since the epoch at which the bucket begins. */
  readonly bucket: number;
  readonly count: number;
  readonly errors: number;
  readonly marks: Readonly<Marks>;
}

export interface Measured {
  readonly atUs: number;
  readonly durationUs: number;
  readonly isError: boolean;
}

interface Sum extends TrafficKey {
  readonly bucket: number;
  count: number;
  errors: number;
  readonly marks: Marks;
}

export const bucketSeconds = 10;
export const historySeconds = 300;

/** While the database is away they pile up; above this, requests of new operations, edges and times are not counted. */
const maxSums = 100_000;

/** Sums of requests that are not written yet. */
export class TrafficSums {
  readonly #seconds: number;
  #sums = new Map<string, Sum>();

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  add(key: TrafficKey, { atUs, durationUs, isError }: Measured): void {
    const bucket = Math.floor(atUs / 1e6 / this.#seconds) * this.#seconds;
    const id = `${bucket}\n${key.kind}\n${key.source}\n${key.target}\n${key.version}`;
    let sum = this.#sums.get(id);
    if (sum === undefined) {
      if (this.#sums.size >= maxSums) return;
      sum = { ...key, bucket, count: 0, errors: 0, marks: {} };
      this.#sums.set(id, sum);
    }
    sum.count += 1;
    if (isError) sum.errors += 1;
    const mark = markOf(durationUs);
    sum.marks[mark] = (sum.marks[mark] ?? 0) + 1;
  }

  /** What there is, without taking it. */
  rows(): readonly TrafficRow[] {
    return [...this.#sums.values()];
  }

  /** Takes what there is. */
  take(): readonly TrafficRow[] {
    const rows = this.rows();
    this.#sums = new Map();
    return rows;
  }
}
