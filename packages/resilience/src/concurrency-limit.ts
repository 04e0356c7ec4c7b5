import { type Clock, systemClock } from '@banyan/core';
import { createSlowdown, type Slowdown } from './slowdown.ts';

export interface ConcurrencyLimitOptions {
  readonly clock?: Clock;
  /** Before anything is known. Default 256. */
  readonly initial?: number;
  /** Default 4. */
  readonly minimum?: number;
  /** Default 1,024. */
  readonly maximum?: number;
  /** How many times slower than without a queue work may become. Default 2. */
  readonly tolerance?: number;
  /** Work that is quicker than this counts as if it took this long: a queue that nobody notices is none. Default 25. */
  readonly noticeableMs?: number;
}

/** One piece of work in progress; hand it back to {@link ConcurrencyLimit.leave}. */
export interface Place {
  readonly kind: string;
  readonly enteredMs: number;
  /** Number of the probe's phase in which it entered; 0 if in none. */
  readonly phase: number;
}

/**
 * How much work something may have at once, found out from how long the work takes: when more work makes all of it slower, it only waits in a queue. What is
 * above the limit is refused at once, so that what was accepted is answered nearly as fast as without the load.
 *
 * Work of different kinds may take different times: each is compared with itself. At the end of a window of at least 50 pieces and 200 ms the limit becomes
 * `limit × tolerance / slowdown + √limit`, at least half and at most what it was plus the root (the gradient of Netflix's concurrency-limits), if it was
 * half used. What work takes without a queue is the shortest mean of a window. Under lasting load no window may be without a queue, so it is measured anew
 * twice a minute (the probe of BBR): with a quarter of the limit, then with half of that, until less work is not faster any more; 20 pieces each.
 */
export interface ConcurrencyLimit {
  readonly limit: number;
  readonly inFlight: number;
  /** True if `enter` would refuse. */
  isFull(share?: number): boolean;
  /**
   * Takes a place for work of `kind`; undefined if there is none.
   * @param share of the limit that this work may use, above 0 and up to 1: less for what matters less. Default 1.
   */
  enter(kind: string, share?: number): Place | undefined;
  /** Gives it back. `outcome`: `ignored` if the time that it took says nothing, as for work that was refused or given up. */
  leave(place: Place, outcome: 'done' | 'ignored'): void;
}

export function createConcurrencyLimit(options: ConcurrencyLimitOptions = {}): ConcurrencyLimit {
  return new GradientLimit(options);
}

const windowMs = 200;
const samplesOfWindow = 50;
const samplesOfPhase = 20;
const probeEveryMs = 30_000;
/** Where work is slow or rare, fewer pieces must do. */
const phaseTimeoutMs = 2_000;

class GradientLimit implements ConcurrencyLimit {
  readonly #clock: Clock;
  readonly #minimum: number;
  readonly #maximum: number;
  readonly #tolerance: number;
  readonly #noticeableMs: number;
  readonly #slowdown: Slowdown;
  #limit: number;
  #inFlight = 0;
  #mostInFlight = 0;
  #windowEndsMs: number;
  /** The limit while a probe runs. */
  #probeLimit: number | undefined;
  #phase = 0;
  #phaseEndsMs = 0;
  /** When the time without a queue was last seen. */
  #confirmedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ConcurrencyLimitOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#minimum = options.minimum ?? 4;
    this.#maximum = options.maximum ?? 1_024;
    this.#tolerance = options.tolerance ?? 2;
    this.#noticeableMs = options.noticeableMs ?? 25;
    this.#slowdown = createSlowdown(this.#noticeableMs);
    this.#limit = Math.min(options.initial ?? 256, this.#maximum);
    this.#windowEndsMs = this.#clock.nowMs() + windowMs;
  }

  get limit(): number {
    return Math.floor(this.#probeLimit ?? this.#limit);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  isFull(share = 1): boolean {
    return this.#inFlight >= Math.max(1, Math.floor((this.#probeLimit ?? this.#limit) * share));
  }

  enter(kind: string, share = 1): Place | undefined {
    if (this.isFull(share)) return undefined;
    this.#inFlight += 1;
    if (this.#inFlight > this.#mostInFlight) this.#mostInFlight = this.#inFlight;
    const enteredMs = this.#clock.nowMs();
    if (this.#probeLimit === undefined) return { kind, enteredMs, phase: 0 };
    // The work of before may take its time to get out of the way.
    this.#phaseEndsMs = Math.min(this.#phaseEndsMs, enteredMs + phaseTimeoutMs);
    return { kind, enteredMs, phase: this.#phase };
  }

  leave(place: Place, outcome: 'done' | 'ignored'): void {
    this.#inFlight -= 1;
    const nowMs = this.#clock.nowMs();
    const isProbing = this.#probeLimit !== undefined;
    // Work that entered before has waited behind more of it.
    if (outcome === 'done' && (!isProbing || place.phase === this.#phase)) {
      this.#slowdown.add(place.kind, nowMs - place.enteredMs);
    }
    if (isProbing) this.#endPhase(nowMs);
    else if (nowMs >= this.#windowEndsMs && this.#slowdown.samples >= samplesOfWindow) this.#endWindow(nowMs);
  }

  #endWindow(nowMs: number): void {
    const isLoaded = this.#mostInFlight >= this.#limit / 2;
    const isNoticeable = this.#slowdown.meanMs > this.#noticeableMs;
    const slowdown = this.#slowdown.endWindow();
    if (slowdown <= 1.25 && !isLoaded) this.#confirmedMs = nowMs;
    if (isLoaded) {
      const gradient = Math.min(1, Math.max(0.5, this.#tolerance / slowdown));
      const next = this.#limit * gradient + Math.sqrt(this.#limit);
      this.#limit = Math.min(this.#maximum, Math.max(this.#minimum, next));
    }
    this.#beginWindow(nowMs);
    if (isLoaded && isNoticeable && nowMs - this.#confirmedMs >= probeEveryMs) {
      this.#beginPhase(this.#limit / 4);
    }
  }

  #beginWindow(nowMs: number): void {
    this.#mostInFlight = this.#inFlight;
    this.#windowEndsMs = nowMs + windowMs;
  }

  #beginPhase(limit: number): void {
    this.#phase += 1;
    this.#probeLimit = Math.max(this.#minimum, limit);
    this.#phaseEndsMs = Number.POSITIVE_INFINITY;
  }

  #endPhase(nowMs: number): void {
    if (this.#slowdown.samples < samplesOfPhase && nowMs < this.#phaseEndsMs) return;
    const limit = this.#probeLimit ?? this.#minimum;
    const wasFaster = this.#slowdown.endPhase() < 0.8;
    if (wasFaster && limit > this.#minimum) {
      this.#beginPhase(limit / 2);
      return;
    }
    this.#slowdown.endProbe();
    // With twice as much as now it was not slower; tolerance is for the rest.
    this.#limit = Math.min(this.#limit, 2 * limit * this.#tolerance);
    this.#probeLimit = undefined;
    this.#confirmedMs = nowMs;
    this.#beginWindow(nowMs);
  }
}
