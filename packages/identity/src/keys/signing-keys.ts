import { generateUserKey, type Sql } from '@banyan/banyan';
import type { z } from 'zod';
import type { PublicJwk } from '../vocabulary.ts';
import type { KeyRing } from './key-ring.ts';

export type PrivateJwk = Awaited<ReturnType<typeof generateUserKey>>;
export type PublicKey = Omit<PrivateJwk, 'd'>;
/** As stored: without the private part. */
export type StoredPublicJwk = z.output<typeof PublicJwk>;

/** Clocks and caches of verifiers may be behind by so much. */
const marginSeconds = 60;

interface StoredKey {
  readonly keyId: string;
  readonly sealedJwk: string;
}

/** The key that signs now. The first one is made at its first use, once, however many instances ask at the same time. */
export async function signingKey(sql: Sql, ring: KeyRing): Promise<PrivateJwk> {
  const stored = (await presentKey(sql)) ?? (await makeFirstKey(sql, ring));
  return JSON.parse(ring.open(stored.sealedJwk, `signing key ${stored.keyId}`)) as PrivateJwk;
}

/**
 * The private halves of every published key, that which signs now first: for a library that signs and publishes by itself.
 */
export async function allSigningKeys(
  sql: Sql,
  ring: KeyRing,
  tokenSeconds: number,
): Promise<readonly PrivateJwk[]> {
  const present = await signingKey(sql, ring);
  const rows = await sql<StoredKey>`select key_id, sealed_jwk from signing_keys`;
  const published = new Set((await publishedKeys(sql, tokenSeconds)).map(({ kid }) => kid));
  const others = rows.filter(({ keyId }) => keyId !== present.kid && published.has(keyId));
  return [
    present,
    ...others.map(
      ({ keyId, sealedJwk }) => JSON.parse(ring.open(sealedJwk, `signing key ${keyId}`)) as PrivateJwk,
    ),
  ];
}

/** Every key that a token which is still valid may be signed with, and the next one. */
export async function publishedKeys(sql: Sql, tokenSeconds: number): Promise<readonly StoredPublicJwk[]> {
  const rows = await sql<{ publicJwk: StoredPublicJwk }>`
    select public_jwk from signing_keys old
    where not exists (
      select 1 from signing_keys next
      where next.signs_from > old.signs_from
        and next.signs_from < now() - make_interval(secs => ${tokenSeconds + marginSeconds}))
    order by signs_from desc`;
  return rows.map(({ publicJwk }) => publicJwk);
}

/** Makes a new key, which is published now and signs after `leadSeconds`. */
export async function rotateKeys(
  sql: Sql,
  ring: KeyRing,
  { leadSeconds }: { readonly leadSeconds: number },
): Promise<string> {
  const { keyId, sealedJwk, publicJwk } = await newKey(ring);
  await sql`
    insert into signing_keys (key_id, sealed_jwk, public_jwk, signs_from)
    values (${keyId}, ${sealedJwk}, ${sql.json(publicJwk)}, clock_timestamp() + make_interval(secs => ${leadSeconds}))`;
  return keyId;
}

/** Withdraws every other key: what they have signed is no longer valid. */
export async function withdrawOthers(sql: Sql, keyId: string): Promise<void> {
  await sql`delete from signing_keys where key_id <> ${keyId}`;
}

/** Makes the next key when the newest one is that old; one instance of several does. */
export async function rotateInTime(
  sql: Sql,
  ring: KeyRing,
  { afterSeconds, leadSeconds }: { readonly afterSeconds: number; readonly leadSeconds: number },
): Promise<void> {
  const { keyId, sealedJwk, publicJwk } = await newKey(ring);
  await sql`
    insert into signing_keys (key_id, sealed_jwk, public_jwk, signs_from)
    select ${keyId}, ${sealedJwk}, ${sql.json(publicJwk)}, now() + make_interval(secs => ${leadSeconds})
    from signing_keys having max(made_at) < now() - make_interval(secs => ${afterSeconds})`;
  // Long after the last token that they have signed.
  await sql`
    delete from signing_keys old where exists (
      select 1 from signing_keys next
      where next.signs_from > old.signs_from and next.signs_from < now() - interval '1 day')`;
}

async function presentKey(sql: Sql): Promise<StoredKey | undefined> {
  const [stored] = await sql<StoredKey>`
    select key_id, sealed_jwk from signing_keys where signs_from <= clock_timestamp()
    order by signs_from desc, key_id limit 1`;
  return stored;
}

async function makeFirstKey(sql: Sql, ring: KeyRing): Promise<StoredKey> {
  const { keyId, sealedJwk, publicJwk } = await newKey(ring);
  await sql`
    insert into signing_keys (key_id, sealed_jwk, public_jwk)
    select ${keyId}, ${sealedJwk}, ${sql.json(publicJwk)} where not exists (select 1 from signing_keys)`;
  const stored = await presentKey(sql);
  if (stored === undefined) throw new Error('The signing key was not stored.');
  return stored;
}

/** The public half. */
export function toPublicKey({ d: _secret, ...publicJwk }: PrivateJwk): PublicKey {
  return publicJwk;
}

async function newKey(ring: KeyRing) {
  const { d, ...publicJwk } = await generateUserKey();
  const keyId = publicJwk.kid ?? '';
  return {
    keyId,
    publicJwk,
    sealedJwk: ring.seal(JSON.stringify({ ...publicJwk, d }), `signing key ${keyId}`),
  };
}
