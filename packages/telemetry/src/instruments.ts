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
  observe(value: number): void;
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

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  get sum(): number {
    return this.#sum[0] ?? 0;
  }

  observe(value: number): void {
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
  }
}
