import { type Clock, systemClock, type User } from '@banyan/core';
import { createExpiringCache, type ExpiringCache } from './expiring-cache.ts';
import { parseScope, scopeOf } from './scope.ts';
import { createSignedClaims, type SignedClaims } from './signed-claims.ts';
import { parseSystemKey } from './system-key.ts';

/** Longest life of a service token or user assertion that any service accepts. */
const maxLifetimeS = 300;
const maxCachedTokens = 4_096;

export interface ServiceTokensOptions {
  /** The system's signing key, base64url of at least 32 bytes. */
  readonly key: string;
  /** The service that signs and verifies here. */
  readonly service: string;
  readonly clock?: Clock;
  /** 1–300, default 300. A new token is made when a fifth of it is left. */
  readonly lifetimeS?: number;
}

/** Who signed a service token. */
export interface ServiceIdentity {
  readonly service: string;
  /** Epoch milliseconds from which the token is no longer accepted. */
  readonly expiresAtMs: number;
}

/**
 * Proof of identity between the services of one system: service tokens say which service calls (`sub`) and whom (`aud`);
 * user assertions say for which end user. Every method is safe for concurrent use; the synchronous ones only look into
 * bounded caches and are for hot paths.
 */
export interface ServiceTokens {
  readonly service: string;
  /** A token for calling `audience`, fresh for at least a fifth of its lifetime. */
  issue(audience: string): Promise<string>;
  /** What `issue` would resolve with, if it is at hand. */
  cached(audience: string): string | undefined;
  /**
   * @param audience who was called; default: this service
   * @throws ServiceError `unauthenticated` `invalid_service_token`
   */
  verify(token: string, audience?: string): Promise<ServiceIdentity>;
  /** The identity if `verify` has accepted the token before and it has not expired. */
  verified(token: string, audience?: string): ServiceIdentity | undefined;
  /** An assertion that this system has authenticated `user`. */
  issueUser(user: User): Promise<string>;
  cachedUser(user: User): string | undefined;
  /** @throws ServiceError `unauthenticated` `invalid_user_assertion` */
  verifyUser(assertion: string): Promise<User>;
  verifiedUser(assertion: string): User | undefined;
}

/** @throws TypeError if the key is too short or the lifetime out of range */
export function createServiceTokens(options: ServiceTokensOptions): ServiceTokens {
  const lifetimeS = options.lifetimeS ?? maxLifetimeS;
  if (!(Number.isInteger(lifetimeS) && lifetimeS >= 1 && lifetimeS <= maxLifetimeS)) {
    throw new TypeError(
      `createServiceTokens(): \`lifetimeS\` must be a whole number from 1 to ${maxLifetimeS}.`,
    );
  }
  return new CachedServiceTokens(options.service, lifetimeS, {
    key: parseSystemKey(options.key),
    clock: options.clock ?? systemClock,
    maxLifetimeS,
  });
}

class CachedServiceTokens implements ServiceTokens {
  readonly service: string;
  readonly #lifetimeS: number;
  readonly #services: SignedClaims;
  readonly #users: SignedClaims;
  readonly #issued: ExpiringCache<string>;
  readonly #issuedUsers: ExpiringCache<string>;
  readonly #accepted: ExpiringCache<{ readonly audience: string; readonly identity: ServiceIdentity }>;
  readonly #acceptedUsers: ExpiringCache<User>;

  constructor(
    service: string,
    lifetimeS: number,
    base: { readonly key: Uint8Array; readonly clock: Clock; readonly maxLifetimeS: number },
  ) {
    this.service = service;
    this.#lifetimeS = lifetimeS;
    this.#services = createSignedClaims({
      ...base,
      typ: 'banyan-service+jwt',
      reason: 'invalid_service_token',
    });
    this.#users = createSignedClaims({ ...base, typ: 'banyan-user+jwt', reason: 'invalid_user_assertion' });
    const cache = { clock: base.clock, maxEntries: maxCachedTokens };
    this.#issued = createExpiringCache(cache);
    this.#issuedUsers = createExpiringCache(cache);
    this.#accepted = createExpiringCache(cache);
    this.#acceptedUsers = createExpiringCache(cache);
  }

  async issue(audience: string): Promise<string> {
    const cached = this.#issued.get(audience);
    if (cached !== undefined) return cached;
    const signed = await this.#services.sign({ sub: this.service, aud: audience }, this.#lifetimeS);
    this.#issued.set(audience, signed.token, this.#renewAtMs(signed.expiresAtMs));
    return signed.token;
  }

  cached(audience: string): string | undefined {
    return this.#issued.get(audience);
  }

  async verify(token: string, audience: string = this.service): Promise<ServiceIdentity> {
    const known = this.verified(token, audience);
    if (known !== undefined) return known;
    const { claims, expiresAtMs } = await this.#services.verify(token, audience);
    const identity = { service: claims.sub, expiresAtMs };
    this.#accepted.set(token, { audience, identity }, expiresAtMs);
    return identity;
  }

  verified(token: string, audience: string = this.service): ServiceIdentity | undefined {
    const known = this.#accepted.get(token);
    return known?.audience === audience ? known.identity : undefined;
  }

  async issueUser(user: User): Promise<string> {
    const key = userKey(user);
    const cached = this.#issuedUsers.get(key);
    if (cached !== undefined) return cached;
    const signed = await this.#users.sign({ sub: user.id, scope: scopeOf(user.scopes) }, this.#lifetimeS);
    this.#issuedUsers.set(key, signed.token, this.#renewAtMs(signed.expiresAtMs));
    return signed.token;
  }

  cachedUser(user: User): string | undefined {
    return this.#issuedUsers.get(userKey(user));
  }

  async verifyUser(assertion: string): Promise<User> {
    const known = this.verifiedUser(assertion);
    if (known !== undefined) return known;
    const { claims, expiresAtMs } = await this.#users.verify(assertion);
    const user = { id: claims.sub, scopes: parseScope(claims.scope) };
    this.#acceptedUsers.set(assertion, user, expiresAtMs);
    return user;
  }

  verifiedUser(assertion: string): User | undefined {
    return this.#acceptedUsers.get(assertion);
  }

  #renewAtMs(expiresAtMs: number): number {
    return expiresAtMs - (this.#lifetimeS * 1_000) / 5;
  }
}

/** The length keeps an id with a space apart from an id and a scope. */
function userKey(user: User): string {
  return `${user.id.length} ${user.id} ${scopeOf(user.scopes)}`;
}
