import type { AlertLevel } from '../alerts/alerts.ts';

/** What an operation promises: this share of its requests is good, over a number of days. */
export interface Objective {
  readonly objectiveId: string;
  readonly service: string;
  /** Default: every operation of the service. */
  readonly operation?: string | undefined;
  readonly version?: string | undefined;
  /** Share of good requests, such as 0.999. */
  readonly target: number;
  /** A good request is no error and, if given, takes no longer (to a tenth). */
  readonly withinMs?: number | undefined;
  readonly windowDays?: number | undefined;
}

export const defaultWindowDays = 28;

/** Requests of some time. */
export interface Requests {
  readonly good: number;
  readonly total: number;
}

/**
 * When to tell somebody (Google, The Site Reliability Workbook, chapter 5, “Multiwindow, multi-burn-rate alerts”): when so much of the budget went in the
 * long time, and it still goes in the short one. Two rules page, one makes a ticket.
 */
export const burnRules: readonly {
  readonly level: AlertLevel;
  readonly longMs: number;
  readonly shortMs: number;
  /** Of the budget of the whole window. */
  readonly share: number;
}[] = [
  { level: 'page', longMs: 3_600_000, shortMs: 300_000, share: 0.02 },
  { level: 'page', longMs: 6 * 3_600_000, shortMs: 1_800_000, share: 0.05 },
  { level: 'ticket', longMs: 72 * 3_600_000, shortMs: 6 * 3_600_000, share: 0.1 },
];

/** How fast an error budget is used up; at 1 it lasts exactly as long as it is meant to. */
export interface BurnRate {
  readonly level: AlertLevel;
  readonly longMs: number;
  readonly shortMs: number;
  readonly threshold: number;
  readonly long: number;
  readonly short: number;
  readonly isFiring: boolean;
}

/** Share of bad requests as a multiple of the one that uses up the budget in exactly the window. */
export function burnRateOf({ good, total }: Requests, target: number): number {
  return total === 0 ? 0 : (total - good) / total / (1 - target);
}

/** 1: untouched; 0: used up; negative: more than that. */
export function budgetLeft(requests: Requests, target: number): number {
  return 1 - burnRateOf(requests, target);
}

/** @param requestsOf good and all requests of the last so many milliseconds */
export function burnRatesOf(
  { target, windowDays = defaultWindowDays }: Objective,
  requestsOf: (ms: number) => Requests,
): readonly BurnRate[] {
  return burnRules.map(({ level, longMs, shortMs, share }) => {
    const threshold = (share * windowDays * 86_400_000) / longMs;
    const long = burnRateOf(requestsOf(longMs), target);
    const short = burnRateOf(requestsOf(shortMs), target);
    return {
      level,
      longMs,
      shortMs,
      threshold,
      long,
      short,
      isFiring: long >= threshold && short >= threshold,
    };
  });
}
