import type { Lifetimes, Session, SessionOverview, SignIn } from './session.ts';

/**
 * Where the sessions of browsers are kept. A browser has a reference and nothing else; the store has its SHA-256, so that whoever reads the store
 * cannot sign in with what is in it. Each method takes effect in full or not at all, and rejects with `unavailable` while the store is away: then
 * nobody is let in whom it would have to know.
 */
export interface CookieSessions {
  /** @returns the session and its reference; undefined if the sign-in no longer counts: see `endUntil` and `endBefore` */
  begin(
    signIn: SignIn,
    lifetimes: Lifetimes,
  ): Promise<{ readonly session: Session; readonly reference: string } | undefined>;
  /** The session behind a reference, if it has not ended; its time without use begins anew. */
  use(reference: string, lifetimes: Lifetimes): Promise<Session | undefined>;
  /**
   * @returns the ids of what has ended, as do the other two; none if there was none. A store outside the caller's transaction answers them again for
   * a quarter of an hour, because that transaction may have failed
   */
  end(reference: string): Promise<readonly string[]>;
  /** Of one account, the newest first, at most 100. */
  list(accountId: string): Promise<readonly SessionOverview[]>;
  /** Ends what there is. For a quarter of an hour, sign-ins until `endedAt` lead nowhere. */
  endUntil(accountId: string, endedAt: string): Promise<readonly string[]>;
  /** Ends what did not come of this password or a later one. For a quarter of an hour, sign-ins with an older one lead nowhere. */
  endBefore(accountId: string, passwordRevision: number): Promise<readonly string[]>;
}
