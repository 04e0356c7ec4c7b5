const remembered = 32;

/** How the last 32 calls of one instance went. */
export interface RecentCalls {
  readonly count: number;
  /** Share of them that failed, 0 to 1. */
  readonly failureRate: number;
  /** Median slowness of those that were answered; undefined before a few were. */
  slowness(): number | undefined;
  add(slowness: number | 'failed'): void;
  clear(): void;
}

export function createRecentCalls(): RecentCalls {
  return new CallRing();
}

const minimumAnswers = 8;

class CallRing implements RecentCalls {
  /** NaN for a failed call. */
  readonly #calls = new Float64Array(remembered);
  #next = 0;
  #failures = 0;
  count = 0;

  get failureRate(): number {
    return this.count === 0 ? 0 : this.#failures / this.count;
  }

  slowness(): number | undefined {
    const answers = this.#calls.subarray(0, this.count).filter((slowness) => !Number.isNaN(slowness));
    return answers.length < minimumAnswers ? undefined : median(answers);
  }

  add(slowness: number | 'failed'): void {
    if (this.count === remembered) {
      if (Number.isNaN(this.#calls[this.#next])) this.#failures -= 1;
    } else this.count += 1;
    this.#calls[this.#next] = slowness === 'failed' ? Number.NaN : slowness;
    if (slowness === 'failed') this.#failures += 1;
    this.#next = (this.#next + 1) % remembered;
  }

  clear(): void {
    this.#next = 0;
    this.#failures = 0;
    this.count = 0;
  }
}

/** The upper one of the two in the middle; the list must not be empty. Sorts in place. */
export function median(values: Float64Array): number {
  return values.sort()[Math.floor(values.length / 2)] ?? 0;
}
