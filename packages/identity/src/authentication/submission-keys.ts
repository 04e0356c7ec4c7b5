import type { Sql } from '@banyan/banyan';
import { sealBox } from '../keys/sealed-box.ts';
import type { OfferedKey, SealedPassword } from '../passwords/submission-keys.ts';

/** `passwords` has the private half of a key for an hour. */
const usedForMinutes = 45;
const renewedAfterMinutes = 15;

export async function keepKey(sql: Sql, { keyId, publicKey, madeAt }: OfferedKey): Promise<void> {
  await sql`
    insert into submission_keys (key_id, public_key, made_at) values (${keyId}, ${publicKey}, ${madeAt})
    on conflict (key_id) do nothing`;
  await sql`delete from submission_keys where made_at < now() - make_interval(mins => ${usedForMinutes})`;
}

/** True if it is time to ask for a new key. */
export async function needsKey(sql: Sql): Promise<boolean> {
  const fresh = await sql`
    select 1 from submission_keys where made_at > now() - make_interval(mins => ${renewedAfterMinutes}) limit 1`;
  return fresh.length === 0;
}

/** Undefined as long as no key has come. */
export async function newestKey(sql: Sql): Promise<OfferedKey | undefined> {
  const [key] = await sql<OfferedKey>`
    select key_id, public_key, made_at from submission_keys
    where made_at > now() - make_interval(mins => ${usedForMinutes}) order by made_at desc limit 1`;
  return key;
}

export function sealPassword(
  password: string,
  { keyId, publicKey }: OfferedKey,
  attemptId: string,
): SealedPassword {
  return { keyId, box: sealBox(password, publicKey, attemptId) };
}
