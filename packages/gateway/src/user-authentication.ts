import type { IncomingMessage } from 'node:http';
import { createUserTokenVerifier, type UserTokenVerifier, type VerifiedUser } from '@banyan/auth';
import { type Caller, type Clock, isServiceError, ServiceError } from '@banyan/core';
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
   */
  authenticate(request: IncomingMessage, access: Access): Caller | Promise<Caller>;
  /** The reference in the session cookie; undefined if there is none, or no such cookie is taken. */
  sessionOf(request: IncomingMessage): string | undefined;
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
  readonly clock: Clock;
}

export const anonymous: Caller = { service: 'gateway' };

/** For a gateway without user tokens, all of whose routes are open. */
export const openAuthentication: UserAuthentication = {
  authenticate: () => anonymous,
  sessionOf: () => undefined,
  forgetSessions: () => undefined,
};

export function createUserAuthentication(options: UserAuthenticationOptions): UserAuthentication {
  const { userTokens, endpoint, clock } = options;
  const [contract, operation] = userTokens.keys;
  const verifier = createUserTokenVerifier({
    issuer: userTokens.issuer,
    audience: userTokens.audience,
    clock,
    keys: async () => {
      const context = createCallContext({ caller: anonymous, timeoutMs: keyFetchTimeoutMs });
      try {
        return toKeySet(await endpoint(contract.name).call(operation, {}, context));
      } finally {
        context.end();
      }
    },
  });
  const tokens = new BearerAuthentication(verifier);
  if (userTokens.session === undefined) return tokens;
  const [service, exchange] = userTokens.session.exchange;
  return createSessionAuthentication({
    tokens,
    endpoint: endpoint(service.name),
    operation: exchange,
    clock,
  });
}

const keyFetchTimeoutMs = 5_000;
/** Longer ones are no token of ours; checking them would be work for an attacker's benefit. */
const maxTokenLength = 8_192;
const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

class BearerAuthentication implements TokenAuthentication {
  readonly #verifier: UserTokenVerifier;
  /** One caller per verified token: what services derive from it is cached by identity. */
  readonly #callers = new WeakMap<VerifiedUser, Caller>();

  constructor(verifier: UserTokenVerifier) {
    this.#verifier = verifier;
  }

  authenticate(request: IncomingMessage, access: Access): Caller | Promise<Caller> {
    if (access === 'anyone') return anonymous;
    const { authorization } = request.headers;
    if (authorization === undefined) throw missingToken();
    const token = authorization.length > maxTokenLength ? undefined : bearer.exec(authorization)?.[1];
    if (token === undefined) throw invalidToken(undefined);
    return this.authenticateToken(token, access);
  }

  authenticateToken(token: string, access: Access): Caller | Promise<Caller> {
    const known = this.#verifier.verified(token);
    return known === undefined ? this.#verify(token, access) : this.#admit(known, access);
  }

  sessionOf(): undefined {
    return undefined;
  }

  forgetSessions(): void {}

  async #verify(token: string, access: Access): Promise<Caller> {
    let user: VerifiedUser;
    try {
      user = await this.#verifier.verify(token);
    } catch (error) {
      if (!isServiceError(error) || error.code !== 'unauthenticated') throw error;
      throw isExpired(error) ? expiredToken(error) : invalidToken(error);
    }
    return this.#admit(user, access);
  }

  #admit(user: VerifiedUser, access: Access): Caller {
    if (typeof access === 'object' && !user.scopes.includes(access.scope))
      throw insufficientScope(access.scope);
    let caller = this.#callers.get(user);
    if (caller === undefined) {
      caller = { service: 'gateway', user: { id: user.id, scopes: user.scopes } };
      this.#callers.set(user, caller);
    }
    return caller;
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

function toKeySet(
  value: unknown,
): Awaited<ReturnType<Parameters<typeof createUserTokenVerifier>[0]['keys']>> {
  const { keys } = (value ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys))
    throw new TypeError("The operation of 'userTokens.keys' must answer { keys: [...] }.");
  return { keys };
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
