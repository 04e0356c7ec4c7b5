const remembered = 128;
/** Samples after which quantiles are worked out anew: sorting costs more than adding. */
const staleAfter = 16;

/** How long the last 128 calls of one kind took. */
export interface LatencyWindow {
  add(tookMs: number): void;
  /**
   * The time within which the share `quantile` of them ended, as of at most 16 calls ago; undefined before 20 calls.
   * @param quantile 0 to 1
   */
  quantileMs(quantile: number): number | undefined;
}

export function createLatencyWindow(): LatencyWindow {
  return new SortedRing();
}

const minimumSamples = 20;

class SortedRing implements LatencyWindow {
  readonly #samples = new Float64Array(remembered);
  #sorted: Float64Array = this.#samples;
  #count = 0;
  #next = 0;
  #sinceSort = staleAfter;

  add(tookMs: number): void {
    this.#samples[this.#next] = tookMs;
    this.#next = (this.#next + 1) % remembered;
    if (this.#count < remembered) this.#count += 1;
    this.#sinceSort += 1;
  }

  quantileMs(quantile: number): number | undefined {
    if (this.#count < minimumSamples) return undefined;
    if (this.#sinceSort >= staleAfter) {
      this.#sinceSort = 0;
      this.#sorted = this.#samples.slice(0, this.#count).sort();
    }
    return this.#sorted[Math.min(Math.floor(quantile * this.#sorted.length), this.#sorted.length - 1)];
  }
}
