import { type Clock, ServiceError, systemClock, type User } from '@banyan/core';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { createExpiringCache } from './expiring-cache.ts';
import { parseScope } from './scope.ts';
import { checkTokenShape, refusal } from './signed-claims.ts';

const reason = 'invalid_user_token';

export interface UserTokenVerifierOptions {
  readonly issuer: string;
  readonly audience: string;
  /** Fetches the issuer's current keys. Called when keys are needed, are too old, or a token names an unknown one. */
  readonly keys: () => Promise<JSONWebKeySet>;
  readonly clock?: Clock;
  /** Keys are fetched again after this long, and what was verified with the old ones is checked anew. Default 600,000. */
  readonly maxKeyAgeMs?: number;
  /** Least time between two fetches because of unknown key names. Default 10,000. */
  readonly refetchAfterMs?: number;
}

/** An end user as an access token names them. */
export interface VerifiedUser extends User {
  /** When the token ends, RFC 3339 UTC. */
  readonly expiresAt: string;
}

/** Checks the access tokens (RFC 9068, EdDSA) of end users. */
export interface UserTokenVerifier {
  /**
   * Resolves with the same object for the same token while it is cached.
   * @throws ServiceError `unauthenticated` `invalid_user_token`; `unavailable` `signing_keys_unavailable`
   */
  verify(token: string): Promise<VerifiedUser>;
  /** The user if `verify` has accepted the token before and it has not expired. */
  verified(token: string): VerifiedUser | undefined;
}

export function createUserTokenVerifier(options: UserTokenVerifierOptions): UserTokenVerifier {
  const clock = options.clock ?? systemClock;
  const accepted = createExpiringCache<VerifiedUser>({ clock, maxEntries: 16_384 });
  const keySource = new KeySource(options, clock, () => accepted.clear());
  return {
    verified: (token) => (keySource.stale ? undefined : accepted.get(token)),
    async verify(token) {
      checkTokenShape(token, reason);
      const keySet = await keySource.holding(keyIdOf(token));
      const known = accepted.get(token);
      if (known !== undefined) return known;
      const { user, expiresAtMs } = await verifyWith(keySet, token, options);
      accepted.set(token, user, expiresAtMs);
      return user;
    },
  };
}

type KeySet = ReturnType<typeof createLocalJWKSet>;

async function verifyWith(keySet: KeySet, token: string, options: UserTokenVerifierOptions) {
  try {
    const { payload } = await jwtVerify(token, keySet, {
      algorithms: ['EdDSA'],
      typ: 'at+jwt',
      issuer: options.issuer,
      audience: options.audience,
      requiredClaims: ['sub', 'iat', 'exp'],
      clockTolerance: 5,
      currentDate: new Date((options.clock ?? systemClock).nowMs()),
    });
    const { sub, exp = 0, scope } = payload;
    if (typeof sub !== 'string' || sub === '') throw new Error('The token has no subject.');
    const expiresAt = new Date(exp * 1_000).toISOString();
    return { user: { id: sub, scopes: parseScope(scope), expiresAt }, expiresAtMs: exp * 1_000 };
  } catch (cause) {
    throw refusal(reason, cause);
  }
}

function keyIdOf(token: string): string {
  try {
    const { alg, typ, kid } = decodeProtectedHeader(token);
    if (alg === 'EdDSA' && typ?.toLowerCase() === 'at+jwt' && typeof kid === 'string') return kid;
  } catch (cause) {
    throw refusal(reason, cause);
  }
  throw refusal(reason, undefined);
}

/** The issuer's keys, fetched once for all who wait, and rarely for key names that nobody may ever have published. */
class KeySource {
  readonly #options: UserTokenVerifierOptions;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #keySet: KeySet | undefined;
  #keyIds: ReadonlySet<string | undefined> = new Set();
  #fetchedAtMs = 0;
  #triedAtMs = 0;
  #fetching: Promise<void> | undefined;
  #lastFailure: unknown;

  constructor(options: UserTokenVerifierOptions, clock: Clock, onChange: () => void) {
    this.#options = options;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get stale(): boolean {
    return this.#clock.nowMs() - this.#fetchedAtMs >= (this.#options.maxKeyAgeMs ?? 600_000);
  }

  async holding(keyId: string): Promise<KeySet> {
    if (this.#shouldFetch(keyId)) {
      this.#fetching ??= this.#fetch().finally(() => {
        this.#fetching = undefined;
      });
      await this.#fetching;
    }
    if (this.#keySet === undefined) {
      throw new ServiceError('Access tokens cannot be checked at the moment.', {
        code: 'unavailable',
        reason: 'signing_keys_unavailable',
        notStarted: true,
        cause: this.#lastFailure,
      });
    }
    return this.#keySet;
  }

  #shouldFetch(keyId: string): boolean {
    if (this.#keySet === undefined || this.#fetching !== undefined) return true;
    if (!this.stale && this.#keyIds.has(keyId)) return false;
    return this.#clock.nowMs() - this.#triedAtMs >= (this.#options.refetchAfterMs ?? 10_000);
  }

  async #fetch(): Promise<void> {
    this.#triedAtMs = this.#clock.nowMs();
    try {
      const jwks = await this.#options.keys();
      this.#keySet = createLocalJWKSet(jwks);
      this.#keyIds = new Set(jwks.keys.map((key) => key.kid));
      this.#fetchedAtMs = this.#clock.nowMs();
      this.#onChange();
    } catch (error) {
      // Keys that were fetched before stay in use: an issuer that is down must not sign everybody out.
      this.#lastFailure = error;
    }
  }
}
