import type { Sql } from '@banyan/banyan';
import type { KeyRing } from '../keys/key-ring.ts';
import { generateBoxKey, openBox } from '../keys/sealed-box.ts';

/** A password on its way through events: only this service can open it, and only for that attempt. */
export interface SealedPassword {
  readonly keyId: string;
  readonly box: string;
}

export interface OfferedKey {
  readonly keyId: string;
  readonly publicKey: string;
  readonly madeAt: string;
}

const offeredForMinutes = 15;
const keptForMinutes = 60;

/** The key to seal passwords with: the present one, or a new one if that has been in use for long. */
export async function offeredKey(sql: Sql, ring: KeyRing): Promise<OfferedKey> {
  const [present] = await sql<OfferedKey>`
    select key_id, public_key, made_at from submission_keys
    where made_at > now() - make_interval(mins => ${offeredForMinutes}) order by made_at desc limit 1`;
  if (present !== undefined) return present;
  const { publicKey, privateKey } = generateBoxKey();
  const [made] = await sql<OfferedKey>`
    insert into submission_keys (public_key, sealed_private_key)
    values (${publicKey}, ${ring.seal(privateKey, publicKey)}) returning key_id, public_key, made_at`;
  if (made === undefined) throw new Error('The key was not stored.');
  return made;
}

/** Undefined if the key is gone, and with it everything that was sealed with it. */
export async function openPassword(
  sql: Sql,
  ring: KeyRing,
  { keyId, box, attemptId }: SealedPassword & { readonly attemptId: string },
): Promise<string | undefined> {
  const [key] = await sql<{ publicKey: string; sealedPrivateKey: string }>`
    select public_key, sealed_private_key from submission_keys where key_id = ${keyId}`;
  if (key === undefined) return undefined;
  const privateKey = ring.open(key.sealedPrivateKey, key.publicKey);
  return openBox(box, { publicKey: key.publicKey, privateKey }, attemptId);
}

export async function forgetOldKeys(sql: Sql): Promise<void> {
  await sql`delete from submission_keys where made_at < now() - make_interval(mins => ${keptForMinutes})`;
}
