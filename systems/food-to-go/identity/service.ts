import {
  createUserTokenSigner,
  generateUserKey,
  type Sql,
  service,
  type UserTokenSigner,
} from '@banyan/banyan';
import { identity, PublicJwk } from './contract.ts';

/** Who issues the tokens, and whom they are for. */
export const issuer = 'food-to-go';

type PrivateJwk = Awaited<ReturnType<typeof generateUserKey>>;

export const identityService = service(identity, {
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async createSession({ role, id }, { sql }) {
      const signer = await tokenSigner(sql);
      return signer.sign({ id, scopes: [role] });
    },

    async publicKeys(_input, { sql }) {
      const signer = await tokenSigner(sql);
      const { keys } = await signer.jwks();
      return { keys: keys.map((key) => PublicJwk.parse(key)) };
    },
  },
});

async function tokenSigner(sql: Sql): Promise<UserTokenSigner> {
  const privateJwk = (await readKey(sql)) ?? (await makeKey(sql));
  return createUserTokenSigner({ issuer, audience: issuer, privateJwk, lifetimeS: 3_600 });
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
