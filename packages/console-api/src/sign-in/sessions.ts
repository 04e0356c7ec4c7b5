import { randomBytes } from 'node:crypto';
import type { Clock } from '@banyan/core';

/** Who has signed in, in memory. */
export interface Sessions {
  begin(account: string): { readonly id: string; readonly seconds: number };
  accountOf(id: string | undefined): string | undefined;
  end(id: string | undefined): void;
}

const lifetimeMs = 8 * 3_600_000;
const maxSessions = 10_000;

export function createSessions(clock: Clock): Sessions {
  const sessions = new Map<string, { readonly account: string; readonly endsAtMs: number }>();
  const prune = () => {
    for (const [id, { endsAtMs }] of sessions)
      if (endsAtMs <= clock.nowMs() || sessions.size >= maxSessions) sessions.delete(id);
      else return;
  };
  return {
    begin(account) {
      prune();
      const id = randomBytes(32).toString('base64url');
      sessions.set(id, { account, endsAtMs: clock.nowMs() + lifetimeMs });
      return { id, seconds: lifetimeMs / 1_000 };
    },
    accountOf(id) {
      const session = id === undefined ? undefined : sessions.get(id);
      return session !== undefined && session.endsAtMs > clock.nowMs() ? session.account : undefined;
    },
    end(id) {
      if (id !== undefined) sessions.delete(id);
    },
  };
}
