import { type Clock, sleep } from '@banyan/core';
import { postgresError } from './errors.ts';
import type { DatabaseSession } from './session.ts';

const pollMs = 25;
const patienceMs = 120_000;

/**
 * Takes the session's advisory lock of that name. It asks again and again instead of waiting inside the server, where
 * the waiting statement's snapshot would block `create index concurrently` of the very process that holds the lock.
 */
export async function lockSession(session: DatabaseSession, name: string, clock: Clock): Promise<void> {
  const deadlineMs = clock.nowMs() + patienceMs;
  for (;;) {
    if (await tryLockSession(session, name)) return;
    if (clock.nowMs() > deadlineMs) throw postgresError('migration_locked');
    await sleep(pollMs, clock);
  }
}

/** Takes the session's advisory lock of that name if nobody has it. */
export async function tryLockSession({ sql }: DatabaseSession, name: string): Promise<boolean> {
  const [row] = await sql<{ locked: boolean }>`
    select pg_try_advisory_lock(hashtextextended(${name}, 0)) as locked`;
  return row?.locked === true;
}
