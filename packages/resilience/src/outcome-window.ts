/** Counts of calls and failures over the last `windowMs`, in steps of a tenth of it. */
export interface OutcomeWindow {
  /** Calls in the window as of the last `count`. */
  readonly calls: number;
  readonly failures: number;
  count(nowMs: number, failed: boolean): void;
  clear(): void;
}

const bucketCount = 10;

export function createOutcomeWindow(windowMs: number): OutcomeWindow {
  return new BucketedWindow(windowMs / bucketCount);
}

class BucketedWindow implements OutcomeWindow {
  readonly #bucketMs: number;
  readonly #calls = new Uint32Array(bucketCount);
  readonly #failures = new Uint32Array(bucketCount);
  #bucket = 0;
  calls = 0;
  failures = 0;

  constructor(bucketMs: number) {
    this.#bucketMs = bucketMs;
  }

  count(nowMs: number, failed: boolean): void {
    this.#advanceTo(Math.floor(nowMs / this.#bucketMs));
    const index = this.#bucket % bucketCount;
    this.#calls[index] = (this.#calls[index] ?? 0) + 1;
    this.calls += 1;
    if (!failed) return;
    this.#failures[index] = (this.#failures[index] ?? 0) + 1;
    this.failures += 1;
  }

  clear(): void {
    this.#calls.fill(0);
    this.#failures.fill(0);
    this.calls = 0;
    this.failures = 0;
  }

  #advanceTo(bucket: number): void {
    if (bucket - this.#bucket >= bucketCount) {
      this.clear();
      this.#bucket = bucket;
    }
    // A clock that was set back leaves the newest bucket in use.
    while (this.#bucket < bucket) {
      this.#bucket += 1;
      const index = this.#bucket % bucketCount;
      this.calls -= this.#calls[index] ?? 0;
      this.failures -= this.#failures[index] ?? 0;
      this.#calls[index] = 0;
      this.#failures[index] = 0;
    }
  }
}
