import type { Sql } from '@banyan/banyan';
import { handleHash, newHandle } from '../keys/handle.ts';

/** A sign-up under way. */
export interface Registration {
  readonly accountId: string;
  readonly loginId: string;
  readonly passwordSet: boolean;
  readonly needsSecondFactor: boolean;
  readonly recoveryInformationSet: boolean;
  readonly secondFactor: 'totp' | 'phone' | null;
  readonly secondFactorConfirmed: boolean;
}

export const registrationMinutes = 30;

export async function insertRegistration(
  sql: Sql,
  { accountId, loginId, expiresAt }: { accountId: string; loginId: string; expiresAt: string },
): Promise<string> {
  const handle = newHandle();
  await sql`
    insert into registrations (handle_hash, account_id, login_id, expires_at)
    values (${handleHash(handle)}, ${accountId}, ${loginId}, ${expiresAt})`;
  return handle;
}

export async function readRegistration(sql: Sql, handle: string): Promise<Registration | undefined> {
  const [found] = await sql<Registration>`
    select account_id, login_id, password_set, needs_second_factor, recovery_information_set, second_factor,
      second_factor_confirmed
    from registrations where handle_hash = ${handleHash(handle)} and expires_at > now()`;
  return found;
}

export type Missing = 'password' | 'recoveryInformation' | 'secondFactor' | 'code';

/** What has to come before the sign-up can be confirmed. */
export function missingIn(registration: Registration, code: string | undefined): Missing[] {
  const missing: Missing[] = [];
  if (!registration.passwordSet) missing.push('password');
  if (!registration.recoveryInformationSet) missing.push('recoveryInformation');
  if (registration.needsSecondFactor && registration.secondFactor === null) missing.push('secondFactor');
  const waitsForCode = registration.secondFactor !== null && !registration.secondFactorConfirmed;
  if (waitsForCode && code === undefined) missing.push('code');
  return missing;
}

/** Accounts whose sign-up was never finished. */
export async function overdueRegistrations(sql: Sql): Promise<readonly string[]> {
  const rows = await sql<{ accountId: string }>`
    select account_id from registrations where expires_at < now() - interval '5 minutes' limit 100`;
  return rows.map(({ accountId }) => accountId);
}

export async function deleteRegistration(sql: Sql, accountId: string): Promise<void> {
  await sql`delete from registrations where account_id = ${accountId}`;
}
