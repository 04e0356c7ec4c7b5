export interface Lifetimes {
  /** A session ends when nothing was heard of it for so long. */
  readonly idleSeconds: number;
  /** And after so long in any case. */
  readonly maxSeconds: number;
}

/** Where a session comes from. */
export interface SignIn {
  readonly accountId: string;
  /** Default: now. */
  readonly signedInAt?: string | undefined;
  /** Which of the account's passwords it was, if it was one. */
  readonly passwordRevision?: number | undefined;
}

export interface Session {
  readonly sessionId: string;
  readonly accountId: string;
  readonly endsAt: string;
}

export interface SessionOverview {
  readonly sessionId: string;
  readonly kind: 'cookie' | 'token';
  readonly beganAt: string;
  readonly lastUsedAt: string;
}

/** Longer than from a sign-in to its session. */
export const endRememberedMinutes = 15;
