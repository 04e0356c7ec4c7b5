import type { Sql } from '@banyan/banyan';
import { createUserTokenSigner, generateUserKey, type UserTokenSigner } from '@banyan/banyan';

type PrivateJwk = Awaited<ReturnType<typeof generateUserKey>>;

/** Who issues the tokens, and whom they are for. */
export const issuer = 'photo-print';

/** Signs with the key pair of this system, which is made at its first use, once, however many processes ask at the same time. */
export async function tokenSigner(sql: Sql, lifetimeMinutes: number): Promise<UserTokenSigner> {
  const privateJwk = (await readKey(sql)) ?? (await makeKey(sql));
  return createUserTokenSigner({ issuer, audience: issuer, privateJwk, lifetimeS: lifetimeMinutes * 60 });
}

async function makeKey(sql: Sql): Promise<PrivateJwk> {
  // The table holds one row only: of two first users one inserts, and both read the same key.
  await sql`
    insert into signing_key (private_jwk) values (${sql.json(await generateUserKey())}) on conflict do nothing`;
  const key = await readKey(sql);
  if (key === undefined) throw new Error('The signing key was not stored.');
  return key;
}

async function readKey(sql: Sql): Promise<PrivateJwk | undefined> {
  const [row] = await sql<{ privateJwk: PrivateJwk }>`select private_jwk from signing_key`;
  return row?.privateJwk;
}
