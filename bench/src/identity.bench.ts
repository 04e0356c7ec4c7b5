import { createPublicKey } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createUserTokenSigner, createUserTokenVerifier, generateUserKey } from '@banyan/auth';
import { createVerifier } from 'fast-jwt';
import { createLocalJWKSet, type JWK, jwtVerify } from 'jose';
import { type BenchCase, type BenchResult, interleave, ratio, summarise } from './harness.ts';
import { measureRoute, registerMembers, signInUntil } from './identity/members.ts';
import { startSystem } from './running-system.ts';

const issuer = 'identity';
const audience = 'identity';
const directory = fileURLToPath(new URL('./identity/', import.meta.url));
const signingIn = 4;

/** Checks of access tokens against libraries, and what sign-ins (Argon2id) cost the other requests of one process. */
export async function run(quick: boolean): Promise<BenchResult> {
  const rounds = quick ? 1 : 3;
  const checks = await interleave(await tokenCases(quick ? 1_000 : 8_000), rounds);
  const folder = await mkdtemp(join(tmpdir(), 'banyan-bench-'));
  const system = await startSystem(folder, ['--no-console'], {
    directory,
    environment: { AUTHENTICATION_TRIES_PER_CLIENT: '1000000' },
  });
  const rates: number[] = [];
  try {
    const members = await registerMembers(system.url, signingIn);
    const seconds = quick ? 2 : 8;
    const beside: BenchCase[] = [
      { name: 'another route alone, p99', unit: 'µs', round: () => measureRoute(system.url, seconds) },
      {
        name: 'another route beside sign-ins, p99',
        unit: 'µs',
        async round() {
          const stopping = new AbortController();
          const signIns = signInUntil(system.url, members, stopping.signal);
          const p99Us = await measureRoute(system.url, seconds);
          stopping.abort();
          rates.push((await signIns) / seconds);
          return p99Us;
        },
      },
    ];
    const cases = [
      ...checks,
      ...(await interleave(beside, rounds)),
      summarise('sign-ins beside it', 'sign-ins/s', rates.slice(1)),
    ];
    const against = (name: string, peer: string) => ({ [`${name}/${peer}`]: ratio(cases, name, peer) });
    return {
      cases,
      ratios: {
        ...against('banyan, each token once', 'jose, each token once'),
        ...against('banyan, each token once', 'fast-jwt, each token once'),
        ...against('banyan, a token again', 'fast-jwt, a token again'),
        ...against('another route beside sign-ins, p99', 'another route alone, p99'),
      },
      notes: [
        'Tokens are EdDSA (Ed25519) with type, issuer, audience and times checked by all, 64 checks under way; banyan verifies with jose, reads tokens strictly before that, and remembers up to 16,384 of them. jsonwebtoken knows no EdDSA and is left out.',
        `The route asks nothing of a database: 4 connections, one request after the other each, through the gateway. Beside it ${signingIn} members sign in all the time: begin, password (Argon2id, 19 MiB, 2 passes, two hashes at a time), confirm. One process for all services; PostgreSQL and the load share its CPUs.`,
      ],
    };
  } finally {
    await system.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function tokenCases(count: number): Promise<readonly BenchCase[]> {
  const privateJwk = await generateUserKey();
  const signer = createUserTokenSigner({ issuer, audience, privateJwk });
  const jwks = await signer.jwks();
  const tokens = await Promise.all(
    Array.from({ length: count }, async () => (await signer.sign({ id: 'ada', scopes: ['user'] })).token),
  );
  const [token = ''] = tokens;
  const again = Array.from({ length: count * 10 }, () => token);
  const newVerifier = () => createUserTokenVerifier({ issuer, audience, keys: async () => jwks });
  const remembering = newVerifier();
  const keySet = createLocalJWKSet(jwks);
  const rules = { algorithms: ['EdDSA'], typ: 'at+jwt', issuer, audience };
  const key = publicPem(jwks.keys[0]);
  const fast = {
    key,
    algorithms: ['EdDSA' as const],
    checkTyp: 'at+jwt',
    allowedIss: issuer,
    allowedAud: audience,
  };
  const fastOnce = createVerifier(fast);
  const fastAgain = createVerifier({ ...fast, cache: true });
  const checks = (name: string, given: readonly string[], check: () => (token: string) => unknown) => ({
    name,
    unit: 'checks/s',
    round: () => rateOf(given, check()),
  });
  return [
    // A new one for each round: it would remember the tokens of the last.
    checks('banyan, each token once', tokens, () => {
      const verifier = newVerifier();
      return (each) => verifier.verify(each);
    }),
    checks('jose, each token once', tokens, () => (each) => jwtVerify(each, keySet, rules)),
    checks('fast-jwt, each token once', tokens, () => (each) => fastOnce(each)),
    checks(
      'banyan, a token again',
      again,
      () => (each) => remembering.verified(each) ?? remembering.verify(each),
    ),
    checks('fast-jwt, a token again', again, () => (each) => fastAgain(each)),
  ];
}

async function rateOf(tokens: readonly string[], check: (token: string) => unknown): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const checker = async () => {
    while (next < tokens.length) {
      const checked = check(tokens[next++] ?? '');
      if (checked instanceof Promise) await checked;
    }
  };
  await Promise.all(Array.from({ length: 64 }, checker));
  return (tokens.length / (performance.now() - startedAt)) * 1_000;
}

function publicPem(jwk: JWK | undefined): string {
  const { kty = '', crv = '', x = '' } = jwk ?? {};
  return createPublicKey({ key: { kty, crv, x }, format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString();
}
