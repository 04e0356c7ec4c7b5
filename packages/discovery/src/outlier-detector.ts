import { type Clock, systemClock } from '@banyan/core';
import { createRecentCalls, median, type RecentCalls } from './recent-calls.ts';

export interface OutlierOptions {
  readonly clock?: Clock;
  /** How many times as slow as the others' median an instance must be. Default 3. */
  readonly slowerThan?: number;
  /** By how much its share of failed calls must be above the others' median. Default 0.3. */
  readonly moreFailures?: number;
  /** Calls of an instance before anything is said about it. Default 16. */
  readonly minimumCalls?: number;
  /** The first ejection; each further one is twice as long as the one before. Default 10,000. */
  readonly firstEjectionMs?: number;
  /** Default 300,000. */
  readonly maxEjectionMs?: number;
  /** Largest share of the instances that is left out at once, rounded down; one of two or three always may. Default 1/3. */
  readonly maxShare?: number;
  readonly onEjection?: (ejection: Ejection) => void;
}

export interface Ejection {
  readonly id: string;
  readonly cause: 'slow' | 'failing';
  readonly forMs: number;
}

/**
 * Finds the instance that is unlike its equals: much slower, or failing much more. It is left out for a while, then has to show itself
 * anew; an instance that goes on like this is left out for longer each time. A circuit breaker looks at one instance alone and asks
 * whether it answers; this compares, so that what makes all of them slow or fail ejects none (after Envoy's outlier detection).
 */
export interface OutlierDetector {
  /** An instance to watch, until its `forget`. */
  track(id: string): TrackedInstance;
}

export interface TrackedInstance {
  /** It should get no requests now, if another one can take them. */
  readonly ejected: boolean;
  /**
   * A call has ended: how long it took compared with what is usual for such a call (1 is usual), or `failed` if no answer came. A
   * refusal is an answer.
   */
  record(slowness: number | 'failed'): void;
  forget(): void;
}

/** @throws TypeError if `maxShare` is not between 0 and 1 */
export function createOutlierDetector(options: OutlierOptions = {}): OutlierDetector {
  return new ComparingDetector(options);
}

/** A comparison sorts: not after every call. */
const callsBetweenLooks = 4;
/** When all of them become slow at once, one is the first to show it; the others follow within a few calls. */
const looksToBeSure = 3;

class ComparingDetector implements OutlierDetector {
  readonly clock: Clock;
  readonly slowerThan: number;
  readonly moreFailures: number;
  readonly minimumCalls: number;
  readonly firstEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly onEjection: ((ejection: Ejection) => void) | undefined;
  readonly #maxShare: number;
  readonly #tracked = new Set<Tracked>();

  constructor(options: OutlierOptions) {
    this.clock = options.clock ?? systemClock;
    this.slowerThan = options.slowerThan ?? 3;
    this.moreFailures = options.moreFailures ?? 0.3;
    this.minimumCalls = options.minimumCalls ?? 16;
    this.firstEjectionMs = options.firstEjectionMs ?? 10_000;
    this.maxEjectionMs = options.maxEjectionMs ?? 300_000;
    this.onEjection = options.onEjection;
    this.#maxShare = options.maxShare ?? 1 / 3;
    if (!(this.#maxShare >= 0 && this.#maxShare < 1))
      throw new TypeError('createOutlierDetector(): `maxShare` must be 0 or more and below 1.');
  }

  track(id: string): TrackedInstance {
    const tracked = new Tracked(id, this);
    this.#tracked.add(tracked);
    return tracked;
  }

  forget(tracked: Tracked): void {
    this.#tracked.delete(tracked);
  }

  mayEject(): boolean {
    const size = this.#tracked.size;
    const most =
      this.#maxShare === 0 ? 0 : Math.min(Math.max(Math.floor(size * this.#maxShare), 1), size - 1);
    let ejected = 0;
    for (const tracked of this.#tracked) if (tracked.ejected) ejected += 1;
    return ejected < most;
  }

  /** The median over the instances that take requests, `except` this one; undefined if none of them has shown enough. */
  medianOfOthers(except: Tracked, measure: (calls: RecentCalls) => number | undefined): number | undefined {
    const values: number[] = [];
    for (const other of this.#tracked) {
      if (other === except || other.ejected || other.calls.count < this.minimumCalls) continue;
      const value = measure(other.calls);
      if (value !== undefined) values.push(value);
    }
    return values.length === 0 ? undefined : median(Float64Array.from(values));
  }
}

class Tracked implements TrackedInstance {
  readonly id: string;
  readonly calls = createRecentCalls();
  readonly #detector: ComparingDetector;
  #sinceLook = 0;
  #badLooks = 0;
  #ejectedUntilMs = 0;
  #lastEjectionMs = 0;

  constructor(id: string, detector: ComparingDetector) {
    this.id = id;
    this.#detector = detector;
  }

  get ejected(): boolean {
    return this.#ejectedUntilMs !== 0 && this.#detector.clock.nowMs() < this.#ejectedUntilMs;
  }

  record(slowness: number | 'failed'): void {
    // What was on its way when it was ejected belongs to the time before.
    if (this.ejected) return;
    this.calls.add(slowness);
    this.#sinceLook += 1;
    if (this.#sinceLook < callsBetweenLooks || this.calls.count < this.#detector.minimumCalls) return;
    this.#sinceLook = 0;
    const cause = this.#isSlow() ? 'slow' : this.#isFailing() ? 'failing' : undefined;
    this.#badLooks = cause === undefined ? 0 : this.#badLooks + 1;
    if (cause !== undefined && this.#badLooks >= looksToBeSure && this.#detector.mayEject())
      this.#eject(cause);
  }

  forget(): void {
    this.#detector.forget(this);
  }

  #isSlow(): boolean {
    const own = this.calls.slowness();
    if (own === undefined) return false;
    const usual = this.#detector.medianOfOthers(this, (calls) => calls.slowness());
    return usual !== undefined && own > usual * this.#detector.slowerThan;
  }

  #isFailing(): boolean {
    const own = this.calls.failureRate;
    if (own <= this.#detector.moreFailures) return false;
    const usual = this.#detector.medianOfOthers(this, (calls) => calls.failureRate);
    return usual !== undefined && own > usual + this.#detector.moreFailures;
  }

  #eject(cause: Ejection['cause']): void {
    const { clock, firstEjectionMs, maxEjectionMs, onEjection } = this.#detector;
    const nowMs = clock.nowMs();
    // Once it has been good for as long as it was out, what was is forgotten.
    const isRelapse = this.#lastEjectionMs > 0 && nowMs - this.#ejectedUntilMs < this.#lastEjectionMs;
    const forMs = isRelapse ? Math.min(this.#lastEjectionMs * 2, maxEjectionMs) : firstEjectionMs;
    this.#lastEjectionMs = forMs;
    this.#ejectedUntilMs = nowMs + forMs;
    this.#badLooks = 0;
    this.calls.clear();
    onEjection?.({ id: this.id, cause, forMs });
  }
}
