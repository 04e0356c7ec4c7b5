import { type Clock, systemClock } from '@banyan/core';

/** What a deadline ends. An object instead of a callback, so that a call can be its own target and allocates no closure. */
export interface DeadlineTarget {
  /** Called once, after the deadline and within about one tick of it. */
  expire(): void;
}

/** One deadline in a wheel; hand it to {@link DeadlineWheel.cancel}. */
export interface Deadline {
  readonly deadlineMs: number;
}

/**
 * All deadlines of a process behind one timer: adding and cancelling cost a few nanoseconds, where a timer or an
 * `AbortSignal.timeout` of its own costs 300 to 3,000 (docs/decisions/0005-the-wire.md).
 */
export interface DeadlineWheel {
  /** Deadlines that are neither cancelled nor expired. */
  readonly size: number;
  /**
   * Expires `target` when the clock reaches `deadlineMs` (epoch milliseconds); one in the past at the next tick, never
   * inside `add`. `Infinity` never expires.
   */
  add(deadlineMs: number, target: DeadlineTarget): Deadline;
  /** Forgets a deadline; one that has expired or was cancelled before is ignored. */
  cancel(deadline: Deadline): void;
}

export interface DeadlineWheelOptions {
  readonly clock?: Clock;
  /** How late a deadline may fire at most, beside the timer's own delay. Default 10. */
  readonly tickMs?: number;
}

/** Hashed timing wheel (Varghese and Lauck 1987, scheme 6). Its timer ends at the first tick that finds it empty. */
export function createDeadlineWheel(options: DeadlineWheelOptions = {}): DeadlineWheel {
  const tickMs = options.tickMs ?? 10;
  if (!(tickMs > 0 && tickMs < Number.POSITIVE_INFINITY)) {
    throw new TypeError('createDeadlineWheel(): `tickMs` must be a positive number of milliseconds.');
  }
  return new HashedWheel(options.clock ?? systemClock, tickMs);
}

/** A power of two, so that a bit mask finds the slot. */
const slotCount = 512;

class Entry implements Deadline {
  readonly deadlineMs: number;
  target: DeadlineTarget | undefined;
  previous: Entry;
  next: Entry;

  constructor(deadlineMs: number, target: DeadlineTarget | undefined) {
    this.deadlineMs = deadlineMs;
    this.target = target;
    this.previous = this;
    this.next = this;
  }

  insertBefore(successor: Entry): void {
    this.next = successor;
    this.previous = successor.previous;
    successor.previous.next = this;
    successor.previous = this;
  }

  unlink(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.target = undefined;
    // An entry that is dead must not lead to those that came after it: they would outlive their calls until a full collection.
    this.previous = this;
    this.next = this;
  }
}

class HashedWheel implements DeadlineWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  /** Each slot is a ring of entries that starts and ends at the slot's own entry. */
  readonly #slots: readonly Entry[] = Array.from(
    { length: slotCount },
    () => new Entry(Number.NaN, undefined),
  );
  readonly #never = new Entry(Number.NaN, undefined);
  /** Ticks count from here: small integers are faster than epoch milliseconds. */
  readonly #startMs: number;
  #size = 0;
  /** The last tick whose slot has been visited. */
  #tick = 0;
  #armed = false;

  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#startMs = clock.nowMs();
  }

  get size(): number {
    return this.#size;
  }

  add(deadlineMs: number, target: DeadlineTarget): Deadline {
    if (Number.isNaN(deadlineMs)) throw new TypeError('DeadlineWheel.add(): `deadlineMs` is not a number.');
    const entry = new Entry(deadlineMs, target);
    if (!this.#armed) this.#arm(this.#tickAt(this.#clock.nowMs()));
    entry.insertBefore(this.#slotOf(deadlineMs));
    this.#size += 1;
    return entry;
  }

  cancel(deadline: Deadline): void {
    const entry = deadline as Entry;
    if (entry.target === undefined) return;
    entry.unlink();
    this.#size -= 1;
  }

  #slotOf(deadlineMs: number): Entry {
    if (deadlineMs === Number.POSITIVE_INFINITY) return this.#never;
    // One tick late at most, never early.
    const tick = Math.max(this.#tickAt(deadlineMs), this.#tick) + 1;
    return this.#slots[tick & (slotCount - 1)] ?? this.#never;
  }

  #tickAt(ms: number): number {
    return Math.floor((ms - this.#startMs) / this.#tickMs);
  }

  #arm(tick: number): void {
    this.#tick = tick;
    this.#armed = true;
    this.#clock.setTimer(this.#onTick, this.#tickMs);
  }

  readonly #onTick = (): void => {
    const nowMs = this.#clock.nowMs();
    const nowTick = this.#tickAt(nowMs);
    try {
      // After a pause longer than one turn of the wheel, one visit to each slot is enough.
      let tick = Math.max(this.#tick + 1, nowTick - slotCount + 1);
      for (; tick <= nowTick; tick += 1) {
        // First, so that a deadline added by a target lands in a later slot and cannot keep this loop busy.
        this.#tick = tick;
        this.#expireSlot(tick & (slotCount - 1), nowMs);
      }
    } catch (error) {
      // A target threw: its slot is visited again at the next tick, so that the other deadlines still fire.
      this.#tick -= 1;
      throw error;
    } finally {
      this.#armed = false;
      if (this.#size > 0) this.#arm(this.#tick);
    }
  };

  #expireSlot(index: number, nowMs: number): void {
    const head = this.#slots[index];
    if (head === undefined) return;
    // Found before the first one is told, because targets cancel others.
    const due: Entry[] = [];
    for (let entry = head.next; entry !== head; entry = entry.next) {
      if (entry.deadlineMs <= nowMs) due.push(entry);
    }
    for (const entry of due) {
      const target = entry.target;
      this.cancel(entry);
      target?.expire();
    }
  }
}
