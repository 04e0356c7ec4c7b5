import { type Clock, ServiceError } from '@banyan/core';
import { type JWTPayload, jwtVerify, SignJWT } from 'jose';

/** Longer tokens are refused unread, so that a hostile one costs nothing. */
const maxTokenLength = 8_192;
/** How far the clocks of two machines may be apart. */
export const clockToleranceS = 5;

export interface ClaimsKind {
  /** `typ` header; keeps a token of one kind from being used as another (RFC 8725, 3.11). */
  readonly typ: string;
  /** `reason` of the refusal. */
  readonly reason: string;
}

export interface SignedClaimsOptions extends ClaimsKind {
  readonly key: Uint8Array;
  readonly clock: Clock;
  /** Tokens that live longer than this are not accepted. */
  readonly maxLifetimeS: number;
}

/** Claims under HS256 with the system's key: who signs can also verify, inside one system. */
export interface SignedClaims {
  sign(
    claims: JWTPayload,
    lifetimeS: number,
  ): Promise<{ readonly token: string; readonly expiresAtMs: number }>;
  /** @throws ServiceError `unauthenticated` with the kind's reason, whatever is wrong */
  verify(
    token: string,
    audience?: string,
  ): Promise<{ readonly claims: VerifiedClaims; readonly expiresAtMs: number }>;
}

export type VerifiedClaims = JWTPayload & { readonly sub: string; readonly scope?: unknown };

export function createSignedClaims(options: SignedClaimsOptions): SignedClaims {
  const { key, typ, reason, clock, maxLifetimeS } = options;
  return {
    async sign(claims, lifetimeS) {
      const issuedAtS = Math.floor(clock.nowMs() / 1_000);
      const expiresAtS = issuedAtS + lifetimeS;
      const token = await new SignJWT({ ...claims, iat: issuedAtS, exp: expiresAtS })
        .setProtectedHeader({ alg: 'HS256', typ })
        .sign(key);
      return { token, expiresAtMs: expiresAtS * 1_000 };
    },
    async verify(token, audience) {
      checkTokenShape(token, reason);
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: ['HS256'],
          typ,
          ...(audience === undefined ? undefined : { audience }),
          requiredClaims: ['sub', 'iat', 'exp'],
          clockTolerance: clockToleranceS,
          currentDate: new Date(clock.nowMs()),
        });
        return { claims: checkClaims(payload, maxLifetimeS), expiresAtMs: (payload.exp ?? 0) * 1_000 };
      } catch (cause) {
        throw refusal(reason, cause);
      }
    },
  };
}

/** Refuses what cannot be a token before any of it is parsed. */
export function checkTokenShape(token: unknown, reason: string): asserts token is string {
  if (typeof token !== 'string' || token.length > maxTokenLength) throw refusal(reason, undefined);
}

export function refusal(reason: string, cause: unknown): ServiceError {
  // One text for every cause: which check failed would only help somebody who tries them out.
  return new ServiceError('The token is not valid here.', { code: 'unauthenticated', reason, cause });
}

function checkClaims(payload: JWTPayload, maxLifetimeS: number): VerifiedClaims {
  const { sub, iat = 0, exp = Number.POSITIVE_INFINITY } = payload;
  if (typeof sub !== 'string' || sub === '') throw new Error('The token has no subject.');
  if (exp - iat > maxLifetimeS) throw new Error('The token lives longer than allowed.');
  return { ...payload, sub };
}
