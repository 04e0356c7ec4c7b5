import { isServiceError } from '@banyan/core';
import { toPublicError } from '../public-error.ts';

/** How a destination has answered of late. */
export interface Showing {
  /** Calls that ended, and those that take longer than they should. */
  readonly total: number;
  readonly bad: number;
}

export const recentMs = 5_000;
const slotMs = 500;
const slots = recentMs / slotMs;

interface OpenCall {
  readonly startedMs: number;
  /** False where the client's own speed is part of the time. */
  readonly isTimed: boolean;
}

/** The calls to one destination in the last five seconds, and those that have not ended. */
export class RecentCalls {
  readonly #withinMs: number;
  readonly #nowMs: () => number;
  readonly #open = new Set<OpenCall>();
  readonly #slots = Array.from({ length: slots }, () => ({ number: -1, total: 0, bad: 0 }));

  /** @param nowMs default: a clock that nobody sets */
  constructor(
    { withinMs = Number.POSITIVE_INFINITY }: { readonly withinMs?: number },
    nowMs = () => performance.now(),
  ) {
    this.#withinMs = withinMs;
    this.#nowMs = nowMs;
  }

  async run(call: () => Promise<unknown>, isTimed: boolean): Promise<unknown> {
    const open: OpenCall = { startedMs: this.#nowMs(), isTimed };
    this.#open.add(open);
    try {
      const output = await call();
      this.#note(this.#isLate(open));
      return output;
    } catch (error) {
      const isLate = this.#isLate(open);
      // That a client did not wait says nothing but how long it waited.
      if (isLate || !isServiceError(error) || error.code !== 'cancelled')
        this.#note(isLate || toPublicError(error).status >= 500);
      throw error;
    } finally {
      this.#open.delete(open);
    }
  }

  showing(): Showing {
    const now = this.#slotNow();
    const recent = this.#slots.filter(({ number }) => number > now - slots);
    // What hangs would not be known before it is given up.
    const late = [...this.#open].filter((open) => this.#isLate(open)).length;
    return {
      total: recent.reduce((sum, { total }) => sum + total, late),
      bad: recent.reduce((sum, { bad }) => sum + bad, late),
    };
  }

  #isLate({ startedMs, isTimed }: OpenCall): boolean {
    return isTimed && this.#nowMs() - startedMs > this.#withinMs;
  }

  #note(isBad: boolean): void {
    const number = this.#slotNow();
    const slot = this.#slots[number % slots];
    if (slot === undefined) return;
    if (slot.number !== number) Object.assign(slot, { number, total: 0, bad: 0 });
    slot.total += 1;
    if (isBad) slot.bad += 1;
  }

  #slotNow(): number {
    return Math.floor(this.#nowMs() / slotMs);
  }
}

/** Once in so many looks a destination that just keeps its target is taken for one that does not. */
const falseAlarmOneIn = 1_000_000;

/**
 * True if nobody who keeps `target` would show as many bad calls, but by a chance of less than one in a million. So few calls need a clear failure and
 * many show a small one, without a number that somebody would have to choose. (Chernoff's bound on the tail of a binomial distribution.)
 */
export function breaks({ total, bad }: Showing, target: number): boolean {
  const allowed = 1 - target;
  const share = bad / total;
  if (total === 0 || share <= allowed) return false;
  const good = 1 - share;
  const divergence =
    share * Math.log(share / allowed) + (good === 0 ? 0 : good * Math.log(good / (1 - allowed)));
  return total * divergence > Math.log(falseAlarmOneIn);
}
