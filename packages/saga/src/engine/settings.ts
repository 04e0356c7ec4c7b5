export interface SagaSettings {
  /** A worker that was not heard of for so long is dead. Default 4,000. */
  readonly leaseMs: number;
  /** How often to look for what is due. Default 500. */
  readonly pollMs: number;
  /** Sagas in hand at one time. Default 2,000. */
  readonly maxInHand: number;
  /** Calls at one time. Default 128. */
  readonly maxCalls: number;
  /** How long ended sagas are kept; so long an idempotency key is remembered. Default 7 days. */
  readonly retentionMs: number;
}

export const defaultSettings: SagaSettings = {
  leaseMs: 4_000,
  pollMs: 500,
  maxInHand: 2_000,
  maxCalls: 128,
  retentionMs: 7 * 86_400_000,
};
