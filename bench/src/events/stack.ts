/** How a stack is loaded in one round. */
export interface EventLoad {
  /** Transactions (or jobs) under way at the same time. */
  readonly concurrency: number;
  readonly eventsPerTransaction: number;
  readonly durationMs: number;
  /** Transactions a second at most, evenly spaced; undefined for as many as go. */
  readonly rate?: number;
}

export interface EventFigures {
  /** Effects that happened within the round, per second. */
  readonly eventsPerSecond: number;
  /** From before the transaction (or the send) to the effect, in ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of client and servers for 1,000 events, in ms. */
  readonly cpuMsPer1000: number;
}

/** One way to have an effect elsewhere for each thing that happens here. `run` drains completely before it resolves. */
export interface EventStack {
  run(load: EventLoad): Promise<EventFigures>;
  stop(): Promise<void>;
}
