import { createUserTokenSigner, generateUserKey, type Sql, service } from '@banyan/banyan';
import { RedisConfig, redisSessionsOf } from '../sessions/redis-sessions.ts';
import { authWithTokens } from './contract.ts';
import { answerLogin } from './login.ts';
import { register } from './register.ts';

export const issuer = 'books-auth';
export const audience = 'books';
/** The gateway's own cookie: whoever has it is exchanged for a token there. */
const cookie = '__Host-session';
const tokenSeconds = 60;

/** Stage 4: the reference in the cookie becomes a token that is valid for a minute. */
export const authServiceWithTokens = service(authWithTokens, {
  config: RedisConfig,
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    register,
    login: (request, context) =>
      answerLogin(request, { sql: context.sql, sessions: redisSessionsOf(context), cookie }),

    async logOut({ session }, context) {
      if (session !== undefined) await redisSessionsOf(context).end(session);
      return {};
    },

    async exchange({ session }, context) {
      const reader = await redisSessionsOf(context).find(session);
      if (reader === undefined) return context.fail('sessionOver');
      return (await signer(context.sql)).sign({ id: reader.name, scopes: [reader.role] });
    },

    async publicKeys(_input, { sql }) {
      const { keys } = await (await signer(sql)).jwks();
      return { keys: keys.map((key) => ({ ...key })) };
    },
  },
});

/** All instances sign with the same key, which the first of them has made. It never leaves this service's own database. */
async function signer(sql: Sql) {
  const stored = (await storedKey(sql)) ?? (await storeKey(sql));
  return createUserTokenSigner({ issuer, audience, privateJwk: stored, lifetimeS: tokenSeconds });
}

type PrivateJwk = Awaited<ReturnType<typeof generateUserKey>>;

async function storedKey(sql: Sql): Promise<PrivateJwk | undefined> {
  const [row] = await sql<{ privateJwk: PrivateJwk }>`select private_jwk from signing_key`;
  return row?.privateJwk;
}

async function storeKey(sql: Sql): Promise<PrivateJwk> {
  const made = await generateUserKey();
  // Another instance may have been first; then its key is the one.
  const [row] = await sql<{ privateJwk: PrivateJwk }>`
    insert into signing_key (private_jwk) values (${sql.json(made)})
    on conflict (single) do update set private_jwk = signing_key.private_jwk
    returning private_jwk`;
  return row?.privateJwk ?? made;
}
