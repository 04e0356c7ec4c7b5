import type { Clock } from '../clock.ts';

/** Time that passes only when a test says so. */
export interface ManualClock extends Clock {
  /** Timers that are neither due nor cancelled: what would keep a real clock at work. */
  readonly timers: number;
  /**
   * Moves on by `ms`, 0 or more, and runs timers when they are due, in the order of their times and then of their making; those that they set in turn as
   * well, if they are due by then. What they start asynchronously has not gone on when this returns.
   */
  advance(ms: number): void;
  /** The same, but before each timer and at the end the work that was started settles, as far as it waits for nothing outside and no other time. */
  advanceAndSettle(ms: number): Promise<void>;
}

/** @param startMs milliseconds since the Unix epoch; default the beginning of 2026 */
export function createManualClock(startMs: number = Date.UTC(2026, 0, 1)): ManualClock {
  return new TestClock(startMs);
}

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

class TestClock implements ManualClock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  // Bound, as the system clock's are: `const { nowMs } = clock` works.
  readonly nowMs = (): number => this.#nowMs;

  readonly setTimer = (callback: () => void, delayMs: number): (() => void) => {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  get timers(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const untilMs = this.#after(ms);
    while (this.#runNext(untilMs));
    this.#nowMs = untilMs;
  }

  async advanceAndSettle(ms: number): Promise<void> {
    const untilMs = this.#after(ms);
    do await settle();
    while (this.#runNext(untilMs));
    this.#nowMs = untilMs;
  }

  #after(ms: number): number {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY))
      throw new TypeError(`A clock moves on by 0 ms or more, not by ${ms}.`);
    return this.#nowMs + ms;
  }

  #runNext(untilMs: number): boolean {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.atMs < next.atMs) next = timer;
    if (next === undefined || next.atMs > untilMs) return false;
    this.#timers.delete(next);
    this.#nowMs = next.atMs;
    next.callback();
    return true;
  }
}

/** Lets promise chains that wait for nothing outside run to their end. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
}

/** Of the event loop, without the delay of `setTimeout`; browsers have no `setImmediate`. */
function nextTurn(): Promise<void> {
  const { setImmediate: soon } = globalThis as { setImmediate?: (callback: () => void) => void };
  return new Promise((resolve) => (soon === undefined ? setTimeout(resolve, 0) : soon(resolve)));
}
