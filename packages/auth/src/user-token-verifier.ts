import { type Clock, ServiceError, systemClock, type User } from '@banyan/core';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { createExpiringCache } from './expiring-cache.ts';
import { parseScope } from './scope.ts';
import { checkTokenShape, clockToleranceS, refusal } from './signed-claims.ts';
import { checkStrictly } from './strict-token.ts';

const reason = 'invalid_user_token';

export interface UserTokenVerifierOptions {
  /** Undefined: whoever the keys are said to be of. */
  readonly issuer: string | undefined;
  readonly audience: string;
  /** Fetches the issuer's current keys. Called when keys are needed, are too old, or a token names an unknown one. */
  readonly keys: () => Promise<IssuerKeys>;
  /** True for what no longer counts although its time is not over. Asked at every use of a token. Default: nothing is revoked. */
  readonly isRevoked?: (token: TokenNames) => boolean;
  readonly clock?: Clock;
  /** Keys are fetched again after this long, and what was verified with the old ones is checked anew. Default 600,000. */
  readonly maxKeyAgeMs?: number;
  /** Least time between two fetches because of unknown key names. Default 10,000. */
  readonly refetchAfterMs?: number;
}

export interface IssuerKeys extends JSONWebKeySet {
  /** Of the tokens under these keys. */
  readonly issuer?: string;
}

/** What a token, and others like it, can be revoked by. */
export interface TokenNames {
  /** `jti`. */
  readonly tokenId: string | undefined;
  /** `sid`: of the session or consent that it was made under. */
  readonly sessionId: string | undefined;
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
  const { clock = systemClock, isRevoked = () => false } = options;
  const accepted = createExpiringCache<Accepted>({ clock, maxEntries: 16_384 });
  const keySource = new KeySource(options, clock, () => accepted.clear());
  return {
    verified(token) {
      const known = keySource.stale ? undefined : accepted.get(token);
      return known === undefined || isRevoked(known.names) ? undefined : known.user;
    },
    async verify(token) {
      checkTokenShape(token, reason);
      const source = await keySource.holding(keyIdOf(token));
      let known = accepted.get(token);
      if (known === undefined) {
        known = await verifyWith(source, token, options);
        accepted.set(token, known, Date.parse(known.user.expiresAt));
      }
      if (isRevoked(known.names)) throw refusal(reason, new Error('The token was revoked.'));
      return known.user;
    },
  };
}

interface Accepted {
  readonly user: VerifiedUser;
  readonly names: TokenNames;
}

interface KeySet {
  readonly issuer: string | undefined;
  readonly keys: ReturnType<typeof createLocalJWKSet>;
}

async function verifyWith(
  { keys, issuer }: KeySet,
  token: string,
  options: UserTokenVerifierOptions,
): Promise<Accepted> {
  try {
    if (issuer === undefined) throw new Error('Nobody said whose keys these are.');
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ['EdDSA'],
      typ: 'at+jwt',
      issuer,
      audience: options.audience,
      requiredClaims: ['sub', 'iat', 'exp'],
      clockTolerance: clockToleranceS,
      currentDate: new Date((options.clock ?? systemClock).nowMs()),
    });
    const { sub, exp = 0, scope, jti, sid } = payload;
    if (typeof sub !== 'string' || sub === '') throw new Error('The token has no subject.');
    const expiresAt = new Date(exp * 1_000).toISOString();
    return {
      user: { id: sub, scopes: parseScope(scope), expiresAt },
      names: { tokenId: jti, sessionId: typeof sid === 'string' ? sid : undefined },
    };
  } catch (cause) {
    throw refusal(reason, cause);
  }
}

function keyIdOf(token: string): string {
  try {
    checkStrictly(token);
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
      this.#keySet = { issuer: this.#options.issuer ?? jwks.issuer, keys: createLocalJWKSet(jwks) };
      this.#keyIds = new Set(jwks.keys.map((key) => key.kid));
      this.#fetchedAtMs = this.#clock.nowMs();
      this.#onChange();
    } catch (error) {
      // Keys that were fetched before stay in use: an issuer that is down must not sign everybody out.
      this.#lastFailure = error;
    }
  }
}
