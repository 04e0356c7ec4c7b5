export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Exponential with equal jitter: never at once, and never all together. `earlier` counts the failures before this one, `random` is in [0, 1). */
export function backoffMs({ firstMs, maxMs }: Backoff, earlier: number, random: () => number): number {
  const bound = Math.min(maxMs, firstMs * 2 ** Math.min(earlier, 30));
  return Math.round(bound * (0.5 + random() / 2));
}
