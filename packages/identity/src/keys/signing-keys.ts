import type { Sql } from '@banyan/banyan';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { z } from 'zod';
import type { PublicJwk } from '../vocabulary.ts';
import type { KeyRing } from './key-ring.ts';

/** Access tokens are signed with EdDSA always, ID tokens with what their client understands. */
export const signingAlgs = ['EdDSA', 'ES256', 'RS256'] as const;
export type SigningAlg = (typeof signingAlgs)[number];

export type PrivateJwk = JWK;
export type PublicKey = JWK;
/** As stored: without the private part. */
export type StoredPublicJwk = z.output<typeof PublicJwk>;

/** Clocks and caches of verifiers may be behind by so much. */
const marginSeconds = 60;

interface StoredKey {
  readonly keyId: string;
  readonly sealedJwk: string;
}

interface PresentKey extends StoredKey {
  /** Until the next one signs, if that is known. */
  readonly nextInMs: number | null;
}

/** The key that signs now. The first one is made at its first use, once, however many instances ask at the same time. */
export async function signingKey(sql: Sql, ring: KeyRing, alg: SigningAlg = 'EdDSA'): Promise<PrivateJwk> {
  return (await presentSigningKey(sql, ring, alg)).privateJwk;
}

/** The same, with the time until the next one signs, if that is known. */
export async function presentSigningKey(
  sql: Sql,
  ring: KeyRing,
  alg: SigningAlg = 'EdDSA',
): Promise<{ readonly privateJwk: PrivateJwk; readonly nextInMs: number | null }> {
  const stored = (await presentKey(sql, alg)) ?? (await makeFirstKey(sql, ring, alg));
  const { keyId, sealedJwk, nextInMs } = stored;
  return { privateJwk: JSON.parse(ring.open(sealedJwk, `signing key ${keyId}`)) as PrivateJwk, nextInMs };
}

/**
 * The private halves of every published key of one kind, that which signs now first: for a library that signs and publishes by itself.
 */
export async function allSigningKeys(
  sql: Sql,
  ring: KeyRing,
  { tokenSeconds, alg }: { readonly tokenSeconds: number; readonly alg: SigningAlg },
): Promise<readonly PrivateJwk[]> {
  const present = await signingKey(sql, ring, alg);
  const rows = await sql<StoredKey>`select key_id, sealed_jwk from signing_keys`;
  const published = new Set((await publishedKeys(sql, tokenSeconds, alg)).map(({ kid }) => kid));
  const others = rows.filter(({ keyId }) => keyId !== present.kid && published.has(keyId));
  return [
    present,
    ...others.map(
      ({ keyId, sealedJwk }) => JSON.parse(ring.open(sealedJwk, `signing key ${keyId}`)) as PrivateJwk,
    ),
  ];
}

/** Every key that a token which is still valid may be signed with, and the next one. */
export async function publishedKeys(
  sql: Sql,
  tokenSeconds: number,
  alg: SigningAlg = 'EdDSA',
): Promise<readonly StoredPublicJwk[]> {
  const rows = await sql<{ publicJwk: StoredPublicJwk }>`
    select public_jwk from signing_keys old
    where public_jwk ->> 'alg' = ${alg} and not exists (
      select 1 from signing_keys next
      where next.public_jwk ->> 'alg' = ${alg} and next.signs_from > old.signs_from
        and next.signs_from < now() - make_interval(secs => ${tokenSeconds + marginSeconds}))
    order by signs_from desc`;
  return rows.map(({ publicJwk }) => publicJwk);
}

/** Makes a new key, which is published now and signs after `leadSeconds`. */
export async function rotateKeys(
  sql: Sql,
  ring: KeyRing,
  { leadSeconds, alg = 'EdDSA' }: { readonly leadSeconds: number; readonly alg?: SigningAlg },
): Promise<string> {
  const { keyId, sealedJwk, publicJwk } = await newKey(ring, alg);
  await sql`
    insert into signing_keys (key_id, sealed_jwk, public_jwk, signs_from)
    values (${keyId}, ${sealedJwk}, ${sql.json(publicJwk)}, clock_timestamp() + make_interval(secs => ${leadSeconds}))`;
  return keyId;
}

/** Withdraws every other key of its kind: what they have signed is no longer valid. */
export async function withdrawOthers(sql: Sql, keyId: string): Promise<void> {
  await sql`
    delete from signing_keys other using signing_keys kept
    where kept.key_id = ${keyId} and other.key_id <> kept.key_id
      and other.public_jwk ->> 'alg' = kept.public_jwk ->> 'alg'`;
}

export interface RotationTimes {
  readonly afterSeconds: number;
  readonly leadSeconds: number;
  readonly alg?: SigningAlg;
}

/** Makes the next key when the newest one is that old; one instance of several does. */
export async function rotateInTime(
  sql: Sql,
  ring: KeyRing,
  { afterSeconds, leadSeconds, alg = 'EdDSA' }: RotationTimes,
): Promise<void> {
  const isDue = sql`public_jwk ->> 'alg' = ${alg} having max(made_at) < now() - make_interval(secs => ${afterSeconds})`;
  // Looked at first: to make a key costs more than to ask, and is for nothing nearly always.
  if ((await sql`select 1 as due from signing_keys where ${isDue}`).length > 0) {
    const { keyId, sealedJwk, publicJwk } = await newKey(ring, alg);
    await sql`
      insert into signing_keys (key_id, sealed_jwk, public_jwk, signs_from)
      select ${keyId}, ${sealedJwk}, ${sql.json(publicJwk)}, now() + make_interval(secs => ${leadSeconds})
      from signing_keys where ${isDue}`;
  }
  // Long after the last token that they have signed.
  await sql`
    delete from signing_keys old where exists (
      select 1 from signing_keys next
      where next.public_jwk ->> 'alg' = old.public_jwk ->> 'alg' and next.signs_from > old.signs_from and next.signs_from < now() - interval '1 day')`;
}

async function presentKey(sql: Sql, alg: SigningAlg): Promise<PresentKey | undefined> {
  const [stored] = await sql<PresentKey>`
    select key_id, sealed_jwk, (
      select extract(epoch from min(next.signs_from) - clock_timestamp())::float8 * 1000 from signing_keys next
      where next.public_jwk ->> 'alg' = ${alg} and next.signs_from > clock_timestamp()) as next_in_ms
    from signing_keys
    where public_jwk ->> 'alg' = ${alg} and signs_from <= clock_timestamp()
    order by signs_from desc, key_id limit 1`;
  return stored;
}

async function makeFirstKey(sql: Sql, ring: KeyRing, alg: SigningAlg): Promise<PresentKey> {
  const { keyId, sealedJwk, publicJwk } = await newKey(ring, alg);
  await sql`
    insert into signing_keys (key_id, sealed_jwk, public_jwk)
    select ${keyId}, ${sealedJwk}, ${sql.json(publicJwk)}
    where not exists (select 1 from signing_keys where public_jwk ->> 'alg' = ${alg})`;
  const stored = await presentKey(sql, alg);
  if (stored === undefined) throw new Error('The signing key was not stored.');
  return stored;
}

const publicMembers = ['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'alg', 'use'] as const;

/** The public half. */
export function toPublicKey(key: PrivateJwk): PublicKey {
  return Object.fromEntries(publicMembers.flatMap((name) => (name in key ? [[name, key[name]]] : [])));
}

async function newKey(ring: KeyRing, alg: SigningAlg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const bare = await exportJWK(privateKey);
  const keyId = await calculateJwkThumbprint(bare);
  const key = { ...bare, kid: keyId, alg, use: 'sig' };
  return {
    keyId,
    publicJwk: { ...toPublicKey(key) },
    sealedJwk: ring.seal(JSON.stringify(key), `signing key ${keyId}`),
  };
}
