import type { Sql } from '@banyan/banyan';
import type { KeyRing } from '../keys/key-ring.ts';
import { loginKey } from '../login-ids/login-key.ts';
import type { ThrottleLimits } from './throttle.ts';

/** At most 100 wrong passwords in a row for one login id (NIST SP 800-63B-4, 3.2.2); then only a reset helps. */
export const loginLimits: ThrottleLimits = {
  free: 5,
  firstPauseS: 1,
  longestPauseS: 900,
  lockedFrom: 100,
  // Never: a hundred tries in a row are a hundred tries, however long they take.
  forgottenAfterS: 3_650 * 86_400,
};

/** Many people may share an address, so it takes more, and it is forgotten. */
export function clientLimits(free: number): ThrottleLimits {
  return { free, firstPauseS: 60, longestPauseS: 3_600, forgottenAfterS: 900 };
}

/** Messages and reserved names are what these cost. */
export const resetLimits: ThrottleLimits = {
  free: 3,
  firstPauseS: 900,
  longestPauseS: 3_600,
  forgottenAfterS: 3_600,
};

/** What tries are counted under. It is stored as a code, because people type passwords where login ids belong. */
export function loginSubject(ring: KeyRing, loginId: string): string {
  return ring.mac(`login ${loginKey(loginId)}`, 'throttle');
}

export function resetSubject(ring: KeyRing, loginId: string): string {
  return ring.mac(`reset ${loginKey(loginId)}`, 'throttle');
}

export function clientSubject(ring: KeyRing, client: string): string {
  return ring.mac(`client ${client}`, 'throttle');
}

/** Forgets what no limit looks at any more. */
export async function forgetOldTries(sql: Sql): Promise<void> {
  await sql`
    delete from tries where last_at < now() - interval '30 days' and blocked_until is distinct from 'infinity'`;
}

/** The data of a refusal. */
export function retryAfter(waitS: number): { retryAfterS?: number } {
  return Number.isFinite(waitS) ? { retryAfterS: waitS } : {};
}
