import type { IncomingMessage } from 'node:http';
import {
  createUserTokenVerifier,
  type IssuerKeys,
  type TokenNames,
  type UserTokenVerifier,
  type VerifiedUser,
} from '@banyan/auth';
import type { Contract } from '@banyan/contract';
import { type Caller, type Clock, isServiceError, ServiceError, type TraceContext } from '@banyan/core';
import { createCallContext, type Endpoint } from '@banyan/rpc';
import type { UserTokens } from './gateway.ts';
import type { Access } from './policy.ts';
import { createSessionAuthentication } from './session-authentication.ts';

/** Decides who a request comes from and whether that is enough. */
export interface UserAuthentication {
  /**
   * The caller that the service will see. Synchronous for open routes and for tokens seen before.
   * @throws ServiceError `unauthenticated` `missing_token`, `invalid_token`, `expired_token`; `permission_denied` `insufficient_scope`;
   * `unavailable` `signing_keys_unavailable`
   * @param trace of the request, for calls that this takes
   */
  authenticate(request: IncomingMessage, access: Access, trace?: TraceContext): Caller | Promise<Caller>;
  /** The reference in the session cookie; undefined if there is none, or no such cookie is taken. */
  sessionOf(request: IncomingMessage): string | undefined;
  /** The access token with which `authenticate` has let a request of a signed-in user pass. */
  tokenOf(request: IncomingMessage): string;
  /** To be called when sessions were ended: they are not taken any longer. */
  forgetSessions(): void;
}

/** The part that knows access tokens. */
export interface TokenAuthentication extends UserAuthentication {
  /** As `authenticate`, for a token that does not stand in the request. */
  authenticateToken(token: string, access: Access): Caller | Promise<Caller>;
}

export interface UserAuthenticationOptions {
  readonly userTokens: UserTokens;
  readonly endpoint: (contractName: string) => Endpoint;
  readonly isRevoked: (token: TokenNames) => boolean;
  readonly clock: Clock;
}

export const anonymous: Caller = { service: 'gateway' };

/** For a gateway without user tokens, all of whose routes are open. */
export const openAuthentication: UserAuthentication = {
  authenticate: () => anonymous,
  sessionOf: () => undefined,
  tokenOf() {
    throw missingToken();
  },
  forgetSessions: () => undefined,
};

export function createUserAuthentication(options: UserAuthenticationOptions): UserAuthentication {
  const { userTokens, endpoint, clock } = options;
  const { issuer, delegated } = userTokens;
  const own = createVerifier({ ...userTokens, issuer }, options);
  const tokens = new BearerAuthentication({
    issuer,
    own,
    delegated: delegated && createVerifier({ ...delegated, issuer: undefined }, options),
  });
  if (userTokens.session === undefined) return tokens;
  const [service, exchange] = userTokens.session.exchange;
  return createSessionAuthentication({
    tokens,
    endpoint: endpoint(service.name),
    operation: exchange,
    clock,
  });
}

interface TokenSource {
  readonly issuer: string | undefined;
  readonly audience: string;
  readonly keys: readonly [contract: Contract, operation: string];
}

function createVerifier(
  { issuer, audience, keys: [contract, operation] }: TokenSource,
  { endpoint, clock, isRevoked }: UserAuthenticationOptions,
): UserTokenVerifier {
  return createUserTokenVerifier({
    issuer,
    audience,
    clock,
    isRevoked,
    keys: async () => {
      const context = createCallContext({ caller: anonymous, timeoutMs: keyFetchTimeoutMs });
      try {
        return toKeySet(await endpoint(contract.name).call(operation, {}, context));
      } finally {
        context.end();
      }
    },
  });
}

const keyFetchTimeoutMs = 5_000;
/** Longer ones are no token of ours; checking them would be work for an attacker's benefit. */
const maxTokenLength = 8_192;
const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** Callers that programs act for, for whoever looks at a policy later. */
const delegatedCallers = new WeakSet<Caller>();

/** What a program needs to do whatever its user may do. */
const wholeAccount = { scope: 'user' } as const;

interface Verifiers {
  /** Of the system's own tokens. */
  readonly issuer: string;
  readonly own: UserTokenVerifier;
  /** Of those that programs bring, which act for a user who has agreed to some of it. */
  readonly delegated: UserTokenVerifier | undefined;
}

class BearerAuthentication implements TokenAuthentication {
  readonly #verifiers: Verifiers;
  /** One caller per verified token: what services derive from it is cached by identity. */
  readonly #callers = new WeakMap<VerifiedUser, Caller>();

  constructor(verifiers: Verifiers) {
    this.#verifiers = verifiers;
  }

  authenticate(request: IncomingMessage, access: Access): Caller | Promise<Caller> {
    if (access === 'anyone') return anonymous;
    return this.authenticateToken(this.tokenOf(request), access);
  }

  tokenOf({ headers: { authorization } }: IncomingMessage): string {
    if (authorization === undefined) throw missingToken();
    const token = authorization.length > maxTokenLength ? undefined : bearer.exec(authorization)?.[1];
    if (token === undefined) throw invalidToken(undefined);
    return token;
  }

  authenticateToken(token: string, access: Access): Caller | Promise<Caller> {
    const { own, delegated } = this.#verifiers;
    const known = own.verified(token);
    if (known !== undefined) return this.#admit(known, access, false);
    const allowed = delegated?.verified(token);
    return allowed === undefined ? this.#verify(token, access) : this.#admit(allowed, access, true);
  }

  sessionOf(): undefined {
    return undefined;
  }

  forgetSessions(): void {}

  async #verify(token: string, access: Access): Promise<Caller> {
    const { issuer, own, delegated } = this.#verifiers;
    const isDelegated = delegated !== undefined && issuerOf(token) !== issuer;
    let user: VerifiedUser;
    try {
      user = await (isDelegated ? delegated : own).verify(token);
    } catch (error) {
      if (!isServiceError(error) || error.code !== 'unauthenticated') throw error;
      throw isExpired(error) ? expiredToken(error) : invalidToken(error);
    }
    return this.#admit(user, access, isDelegated);
  }

  #admit(user: VerifiedUser, wanted: Access, isDelegated: boolean): Caller {
    const access = isDelegated ? partOf(wanted) : wanted;
    if (typeof access === 'object' && !user.scopes.includes(access.scope))
      throw insufficientScope(access.scope);
    let caller = this.#callers.get(user);
    if (caller === undefined) {
      caller = { service: 'gateway', user: { id: user.id, scopes: user.scopes } };
      this.#callers.set(user, caller);
      if (isDelegated) delegatedCallers.add(caller);
    }
    return caller;
  }
}

/**
 * For a caller that is known already. @throws ServiceError `unauthenticated` `missing_token`, `permission_denied` `insufficient_scope`
 */
export function checkAccess(caller: Caller, wanted: Access): void {
  const { user } = caller;
  const access = delegatedCallers.has(caller) ? partOf(wanted) : wanted;
  if (access === 'anyone') return;
  if (user === undefined) throw missingToken();
  if (typeof access === 'object' && !user.scopes.includes(access.scope))
    throw insufficientScope(access.scope);
}

/** A user who has agreed to something has not agreed to everything. */
function partOf(access: Access): Access {
  return access === 'user' ? wholeAccount : access;
}

/** What a token says of itself, which decides only who is to check it. */
function issuerOf(token: string): unknown {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return (claims as { readonly iss?: unknown } | null)?.iss;
  } catch {
    return undefined;
  }
}

/** The `WWW-Authenticate` challenge (RFC 6750, 3) that belongs to an error; undefined for other errors. */
export function challengeOf(error: ServiceError, access: Access | undefined): string | undefined {
  if (error.declared) return undefined;
  if (error.reason === 'missing_token') return 'Bearer';
  if (error.reason === 'invalid_token') return 'Bearer error="invalid_token"';
  if (error.reason === 'expired_token') return 'Bearer error="invalid_token", error_description="expired"';
  if (error.reason !== 'insufficient_scope' || typeof access !== 'object') return undefined;
  return `Bearer error="insufficient_scope", scope="${access.scope}"`;
}

function toKeySet(value: unknown): IssuerKeys {
  const { keys, issuer } = (value ?? {}) as { keys?: unknown; issuer?: unknown };
  if (!Array.isArray(keys))
    throw new TypeError("The operation of 'userTokens.keys' must answer { keys: [...] }.");
  return typeof issuer === 'string' ? { keys, issuer } : { keys };
}

/** The signature was good, so it really is a token of ours: the client may be told to sign in again. */
function isExpired(error: ServiceError): boolean {
  return (error.cause as { code?: unknown } | undefined)?.code === 'ERR_JWT_EXPIRED';
}

function missingToken(): ServiceError {
  return new ServiceError('Sign in: this needs an access token in the Authorization header.', {
    code: 'unauthenticated',
    reason: 'missing_token',
  });
}

function invalidToken(cause: unknown): ServiceError {
  return new ServiceError('The access token is not valid here; sign in again.', {
    code: 'unauthenticated',
    reason: 'invalid_token',
    cause,
  });
}

function expiredToken(cause: unknown): ServiceError {
  return new ServiceError('The access token has expired; sign in again.', {
    code: 'unauthenticated',
    reason: 'expired_token',
    cause,
  });
}

function insufficientScope(scope: string): ServiceError {
  return new ServiceError(`The access token lacks the scope '${scope}'.`, {
    code: 'permission_denied',
    reason: 'insufficient_scope',
  });
}
