export interface BackoffOptions {
  /** Upper bound of the first delay. Default 20. */
  readonly initialDelayMs?: number;
  /** Default 1,000. */
  readonly maxDelayMs?: number;
  /** Default 2. */
  readonly factor?: number;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

export interface Backoff {
  /** How long to wait before retry number `retry`; the first is 0. */
  delayMs(retry: number): number;
}

/**
 * Exponential back-off with full jitter: uniform between 0 and the exponential bound, which spreads a crowd of retries
 * best (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015).
 */
export function createBackoff(options: BackoffOptions = {}): Backoff {
  const { initialDelayMs = 20, maxDelayMs = 1_000, factor = 2, random = Math.random } = options;
  if (!(initialDelayMs >= 0 && maxDelayMs >= initialDelayMs && factor >= 1)) {
    throw new TypeError('createBackoff(): needs 0 <= `initialDelayMs` <= `maxDelayMs` and `factor` >= 1.');
  }
  return { delayMs: (retry) => random() * Math.min(maxDelayMs, initialDelayMs * factor ** retry) };
}
