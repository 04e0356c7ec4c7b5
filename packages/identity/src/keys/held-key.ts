/** The present one, and for how long at most it is that, from the beginning of the call on; null: not known. */
export type ReadKey<Value> = () => Promise<{ readonly value: Value; readonly nextInMs: number | null }>;

/** A key, or what is made of it, that is read again in time. */
export interface HeldKey<Value> {
  /**
   * Never older than `maxAgeMs`, and never past the moment when the next one signs. Of several who ask at the same time one reads.
   * @param read by the means of who asks: those of the last one may be closed
   * @throws what reading throws
   */
  get(read: ReadKey<Value>): Promise<Value>;
  /** Whoever asks from now on reads again. */
  forget(): void;
}

export interface HeldKeyOptions {
  readonly maxAgeMs: number;
  /** Default: a clock that nobody sets. */
  readonly nowMs?: () => number;
}

export function createHeldKey<Value>({
  maxAgeMs,
  nowMs = () => performance.now(),
}: HeldKeyOptions): HeldKey<Value> {
  let held: { readonly value: Promise<Value>; untilMs: number } | undefined;
  return {
    async get(read) {
      const now = nowMs();
      if (held !== undefined && now < held.untilMs) return held.value;
      const reading = read();
      const next = { value: reading.then(({ value }) => value), untilMs: now + maxAgeMs };
      held = next;
      try {
        const { nextInMs } = await reading;
        if (nextInMs !== null) next.untilMs = Math.min(next.untilMs, now + nextInMs);
      } catch {
        // Whoever asks next tries again; whoever has asked is told by the value.
        if (held === next) held = undefined;
      }
      return next.value;
    },
    forget() {
      held = undefined;
    },
  };
}
