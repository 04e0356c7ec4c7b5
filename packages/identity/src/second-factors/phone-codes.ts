import { randomInt } from 'node:crypto';
import type { Sql } from '@banyan/banyan';
import type { KeyRing } from '../keys/key-ring.ts';

/** `confirm`: to a number that its owner has just given; `check`: to the one that counts, at a sign-in. */
export type PhoneCodePurpose = 'confirm' | 'check';

export interface PhoneCodeOwner {
  readonly accountId: string;
  readonly purpose: PhoneCodePurpose;
}

/** Every message costs money, and somebody's phone rings. */
const codesPerHour = 6;

/**
 * Makes the one code of the account, and with it the earlier one invalid.
 * @returns undefined if there were too many in this hour
 */
export async function makePhoneCode(
  sql: Sql,
  ring: KeyRing,
  { accountId, purpose, lifetimeS }: PhoneCodeOwner & { readonly lifetimeS: number },
): Promise<{ readonly code: string; readonly expiresAt: string } | undefined> {
  const code = String(randomInt(1_000_000)).padStart(6, '0');
  const mac = ring.mac(`${accountId} ${purpose} ${code}`, 'phone code');
  const [made] = await sql<{ expiresAt: string }>`
    insert into phone_codes as codes (account_id, purpose, code_mac, expires_at, sent, hour_began_at)
    values (${accountId}, ${purpose}, ${mac}, now() + make_interval(secs => ${lifetimeS}), 1, now())
    on conflict (account_id) do update
      set purpose = excluded.purpose, code_mac = excluded.code_mac, expires_at = excluded.expires_at,
        sent = case when codes.hour_began_at < now() - interval '1 hour' then 1 else codes.sent + 1 end,
        hour_began_at = case when codes.hour_began_at < now() - interval '1 hour' then now() else codes.hour_began_at end
      where codes.sent < ${codesPerHour} or codes.hour_began_at < now() - interval '1 hour'
    returning expires_at`;
  return made && { code, expiresAt: made.expiresAt };
}

/** True once for the right code in its time. */
export async function usePhoneCode(
  sql: Sql,
  ring: KeyRing,
  { accountId, purpose, code }: PhoneCodeOwner & { readonly code: string },
): Promise<boolean> {
  const [stored] = await sql<{ codeMac: string }>`
    select code_mac from phone_codes
    where account_id = ${accountId} and purpose = ${purpose} and code_mac is not null and expires_at > now()`;
  if (
    stored === undefined ||
    !ring.macHolds(stored.codeMac, `${accountId} ${purpose} ${code}`, 'phone code')
  ) {
    return false;
  }
  // Of several that come with it at the same time, one finds it still there.
  const used = await sql`
    update phone_codes set code_mac = null
    where account_id = ${accountId} and code_mac = ${stored.codeMac} returning account_id`;
  return used.length > 0;
}
