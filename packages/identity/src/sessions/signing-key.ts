import { generateUserKey, type Sql } from '@banyan/banyan';
import type { KeyRing } from '../keys/key-ring.ts';

export type PrivateJwk = Awaited<ReturnType<typeof generateUserKey>>;

/** The key that signs access tokens; made at its first use, once, however many instances ask at the same time. */
export async function signingKey(sql: Sql, ring: KeyRing): Promise<PrivateJwk> {
  const stored = (await newestKey(sql)) ?? (await makeKey(sql, ring));
  return JSON.parse(ring.open(stored.sealedJwk, `signing key ${stored.keyId}`)) as PrivateJwk;
}

interface StoredKey {
  readonly keyId: string;
  readonly sealedJwk: string;
}

async function newestKey(sql: Sql): Promise<StoredKey | undefined> {
  const [stored] = await sql<StoredKey>`
    select key_id, sealed_jwk from signing_keys order by made_at desc, key_id limit 1`;
  return stored;
}

async function makeKey(sql: Sql, ring: KeyRing): Promise<StoredKey> {
  const { d, ...publicJwk } = await generateUserKey();
  const keyId = publicJwk.kid ?? '';
  const sealedJwk = ring.seal(JSON.stringify({ ...publicJwk, d }), `signing key ${keyId}`);
  await sql`
    insert into signing_keys (key_id, sealed_jwk, public_jwk)
    select ${keyId}, ${sealedJwk}, ${sql.json(publicJwk)} where not exists (select 1 from signing_keys)`;
  const stored = await newestKey(sql);
  if (stored === undefined) throw new Error('The signing key was not stored.');
  return stored;
}
