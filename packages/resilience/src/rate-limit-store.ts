/** What one request asks of a bucket: time that it owes, in whole microseconds; see {@link chargeOf}. */
export interface Charge {
  readonly costUs: number;
  /** Most that a key may owe. */
  readonly capacityUs: number;
}

export interface Taking {
  /** False: nothing was taken. */
  readonly taken: boolean;
  /** What the key owes after it. */
  readonly debtUs: number;
}

/**
 * What replicas share about rate limits: how much time each key owes. Every unit costs its share of the window, debts shrink as time passes, and nobody
 * may owe more than a burst (GCRA, ITU-T I.371; the leaky bucket as a meter). One number per key is the whole state, and there is no edge of
 * a window at which twice the quota gets through.
 *
 * - **Atomicity**: takings of one key happen one after the other, whoever asks; a key never owes more than its capacity.
 * - **Time** is that of the store, so that replicas whose clocks differ agree.
 * - **Durability**: none is promised. A store that forgets lets everybody begin anew.
 * - **Memory**: a key that owes nothing takes none, after a while.
 *
 * Implementations pass `describeRateLimitStore` of `@banyan/resilience/testing`.
 */
export interface RateLimitStore {
  /**
   * Adds `costUs` to the debt of `key` if it then owes at most `capacityUs`, else changes nothing.
   * A rejection leaves it open whether it was added. Synchronous where nobody has to be asked.
   * @throws ServiceError `unavailable` if the store does not answer
   */
  take(key: string, charge: Charge): Taking | Promise<Taking>;
  /** Releases what this handle holds; the store's state stays. Idempotent. */
  close(): Promise<void>;
}

/** So many units in each window, and at most `burst` of them at once. */
export interface Rate {
  readonly quota: number;
  readonly windowMs: number;
  /** Default `quota`. */
  readonly burst?: number;
}

/** The price of `units` of `rate`. */
export function chargeOf({ quota, windowMs, burst = quota }: Rate, units: number): Charge {
  // Rounded down both, so that a burst of single units always fits into the whole one.
  const toUs = (count: number) => Math.floor((count * windowMs * 1_000) / quota);
  return { costUs: toUs(units), capacityUs: toUs(burst) };
}

/** How a quota stands for one key. */
export interface Verdict {
  readonly allowed: boolean;
  /** Whole units that are left. */
  readonly remaining: number;
  /** How long until the refused units can be had, if nobody else takes any; 0 if they were allowed. */
  readonly retryAfterMs: number;
  /** How long until the whole burst is there again. */
  readonly fullAfterMs: number;
}

export function verdictOf(rate: Rate, charge: Charge, { taken, debtUs }: Taking): Verdict {
  const { capacityUs, costUs } = charge;
  const unitUs = chargeOf(rate, 1).costUs;
  return {
    allowed: taken,
    remaining: unitUs === 0 ? 0 : Math.max(0, Math.floor((capacityUs - debtUs) / unitUs)),
    retryAfterMs: taken ? 0 : Math.max(0, debtUs + costUs - capacityUs) / 1_000,
    fullAfterMs: debtUs / 1_000,
  };
}

/** What is wrong with a rate, with the fix; undefined if nothing is. */
export function rateProblem({ quota, windowMs, burst = quota }: Rate): string | undefined {
  if (!isWhole(quota)) return "'quota' must be a whole number above 0.";
  if (!isWhole(burst)) return "'burst' must be a whole number above 0.";
  if (!(Number.isFinite(windowMs) && windowMs > 0)) return 'the window must be longer than 0.';
  if (chargeOf({ quota, windowMs }, 1).costUs < 1) return 'a million units a second is the most.';
  if (chargeOf({ quota, windowMs }, burst).costUs > maxDebtUs) return 'a burst must come back within a year.';
  return undefined;
}

const maxDebtUs = 366 * 86_400 * 1_000_000;

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
