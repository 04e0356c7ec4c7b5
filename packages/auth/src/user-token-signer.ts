import { type Clock, systemClock, type User, uuidv7 } from '@banyan/core';
import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  SignJWT,
} from 'jose';
import { scopeOf } from './scope.ts';

export interface UserTokenSignerOptions {
  readonly issuer: string;
  readonly audience: string;
  /** Ed25519 private key; make one with {@link generateUserKey}. Its `kid`, or else its thumbprint, names it in tokens. */
  readonly privateJwk: JWK;
  /** Whole seconds, at most a day. Default 900. */
  readonly lifetimeS?: number;
  readonly clock?: Clock;
}

export interface SignedUserToken {
  readonly token: string;
  /** RFC 3339 UTC. */
  readonly expiresAt: string;
}

/** Issues access tokens (RFC 9068, EdDSA) to end users: for the one service that has checked who they are. */
export interface UserTokenSigner {
  /** @param sessionId `sid`: what the token can be revoked by together with others of its session */
  sign(user: User, sessionId?: string): Promise<SignedUserToken>;
  /** The public key that verifies its tokens, to publish. */
  jwks(): Promise<JSONWebKeySet>;
}

const maxLifetimeS = 86_400;

/** @throws TypeError if the key is not an Ed25519 private key, or the lifetime is no whole number of seconds up to a day */
export function createUserTokenSigner(options: UserTokenSignerOptions): UserTokenSigner {
  const { issuer, audience, privateJwk, lifetimeS = 900, clock = systemClock } = options;
  if (privateJwk.kty !== 'OKP' || privateJwk.crv !== 'Ed25519' || typeof privateJwk.d !== 'string') {
    throw new TypeError(
      'createUserTokenSigner(): `privateJwk` must be an Ed25519 private key; generateUserKey() makes one.',
    );
  }
  if (!(Number.isInteger(lifetimeS) && lifetimeS >= 1 && lifetimeS <= maxLifetimeS))
    throw new TypeError(
      `createUserTokenSigner(): \`lifetimeS\` must be whole seconds from 1 to ${maxLifetimeS}.`,
    );
  const key = prepare(privateJwk);
  return {
    async sign(user, sessionId) {
      const { privateKey, kid } = await key;
      const issuedAtS = Math.floor(clock.nowMs() / 1_000);
      const expiresAtS = issuedAtS + lifetimeS;
      const token = await new SignJWT({
        scope: scopeOf(user.scopes),
        client_id: audience,
        ...(sessionId === undefined ? undefined : { sid: sessionId }),
      })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(user.id)
        .setJti(uuidv7(clock.nowMs()))
        .setIssuedAt(issuedAtS)
        .setExpirationTime(expiresAtS)
        .sign(privateKey);
      return { token, expiresAt: new Date(expiresAtS * 1_000).toISOString() };
    },
    async jwks() {
      return { keys: [(await key).publicJwk] };
    },
  };
}

/** A new Ed25519 private key as a JWK with `kid`. Keep it secret: whoever holds it can be any user. */
export async function generateUserKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'EdDSA', use: 'sig' };
}

async function prepare(privateJwk: JWK) {
  const kid = privateJwk.kid ?? (await calculateJwkThumbprint(privateJwk));
  const { kty, crv, x } = privateJwk;
  const publicJwk = { kty, crv, x, kid, alg: 'EdDSA', use: 'sig' } as JWK;
  return { privateKey: await importJWK(privateJwk, 'EdDSA'), kid, publicJwk };
}
