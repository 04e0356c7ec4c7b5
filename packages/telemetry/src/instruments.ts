import type { TraceContext } from '@banyan/core';

export interface CounterSeries {
  /** Adds `by`, default 1. */
  inc(by?: number): void;
}

export interface GaugeSeries {
  set(value: number): void;
  inc(by?: number): void;
  dec(by?: number): void;
}

export interface HistogramSeries {
  /** @param trace of what was measured: shown beside its bucket as an exemplar, if it is sampled; the last one stays */
  observe(value: number, trace?: TraceContext): void;
}

/** One measurement as an example of its bucket. */
export interface Exemplar {
  readonly value: number;
  readonly trace: TraceContext;
  readonly atMs: number;
}

export class Counter implements CounterSeries {
  value = 0;

  inc(by = 1): void {
    if (by >= 0 && Number.isFinite(by)) this.value += by;
  }
}

export class Gauge implements GaugeSeries {
  value = 0;

  set(value: number): void {
    if (Number.isFinite(value)) this.value = value;
  }

  inc(by = 1): void {
    if (Number.isFinite(by)) this.value += by;
  }

  dec(by = 1): void {
    if (Number.isFinite(by)) this.value -= by;
  }
}

export class Histogram implements HistogramSeries {
  readonly bounds: readonly number[];
  /** One count per bound, not cumulative, and a last one for everything above. */
  readonly counts: Float64Array;
  /** In typed arrays a number is stored in place; a field would box a new one at each observation. */
  readonly #sum = new Float64Array(1);
  /** One per bucket, made when the first one comes. */
  exemplars: (Exemplar | undefined)[] | undefined = undefined;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  get sum(): number {
    return this.#sum[0] ?? 0;
  }

  observe(value: number, trace?: TraceContext): void {
    if (!Number.isFinite(value)) return;
    const { bounds, counts } = this;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (bounds[middle] ?? value)) high = middle;
      else low = middle + 1;
    }
    counts[low] = (counts[low] ?? 0) + 1;
    this.#sum[0] = (this.#sum[0] ?? 0) + value;
    if (trace?.sampled === true) this.#keepExemplar(low, value, trace);
  }

  /** One a second is enough for a bucket that is looked at every few seconds. */
  #keepExemplar(bucket: number, value: number, trace: TraceContext): void {
    this.exemplars ??= new Array(this.counts.length);
    const atMs = Date.now();
    const last = this.exemplars[bucket];
    if (last === undefined || atMs - last.atMs >= 1_000) this.exemplars[bucket] = { value, trace, atMs };
  }
}
