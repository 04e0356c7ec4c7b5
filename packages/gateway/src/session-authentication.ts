import type { IncomingMessage } from 'node:http';
import { createExpiringCache, type ExpiringCache } from '@banyan/auth';
import { type Caller, type Clock, isServiceError, type TraceContext } from '@banyan/core';
import { createCallContext, type Endpoint } from '@banyan/rpc';
import type { Access } from './policy.ts';
import { checkOrigin, sessionOf, sessionOver, twoCredentials } from './session-cookie.ts';
import type { TokenAuthentication, UserAuthentication } from './user-authentication.ts';

/** How long a session that has ended elsewhere may go on here. */
const cachedForMs = 5_000;
const exchangeTimeoutMs = 5_000;
const maxCached = 16_384;

export interface SessionAuthenticationOptions {
  readonly tokens: TokenAuthentication;
  /** The service that exchanges references, and its operation. */
  readonly endpoint: Endpoint;
  readonly operation: string;
  readonly clock: Clock;
}

/** Takes cookies besides access tokens: the reference outside stands for a token inside, which no client ever sees. */
export function createSessionAuthentication(options: SessionAuthenticationOptions): UserAuthentication {
  return new SessionAuthentication(options);
}

class SessionAuthentication implements UserAuthentication {
  readonly #options: SessionAuthenticationOptions;
  readonly #tokens: ExpiringCache<string>;
  /** One exchange for all requests that wait for it. */
  readonly #exchanging = new Map<string, Promise<string>>();
  /** The token that each request was let pass with: what is cached may be gone before the request is done. */
  readonly #used = new WeakMap<IncomingMessage, string>();
  /** How often sessions were forgotten: what was asked for before that is not kept. */
  #forgotten = 0;

  constructor(options: SessionAuthenticationOptions) {
    this.#options = options;
    this.#tokens = createExpiringCache({ clock: options.clock, maxEntries: maxCached });
  }

  authenticate(request: IncomingMessage, access: Access, trace?: TraceContext): Caller | Promise<Caller> {
    const { tokens } = this.#options;
    const session = access === 'anyone' ? undefined : sessionOf(request);
    if (session === undefined) return tokens.authenticate(request, access);
    // Whichever of two identities won, the other one might be what somebody expected.
    if (request.headers.authorization !== undefined) throw twoCredentials();
    checkOrigin(request);
    const known = this.#tokens.get(session);
    return known === undefined
      ? this.#tokenOf(session, trace).then((token) => this.#use(token, request, access))
      : this.#use(known, request, access);
  }

  sessionOf(request: IncomingMessage): string | undefined {
    return sessionOf(request);
  }

  tokenOf(request: IncomingMessage): string {
    return this.#used.get(request) ?? this.#options.tokens.tokenOf(request);
  }

  /** An operation has ended one session, or several: what is cached may be of them. */
  forgetSessions(): void {
    this.#forgotten += 1;
    this.#tokens.clear();
    this.#exchanging.clear();
  }

  #use(token: string, request: IncomingMessage, access: Access): Caller | Promise<Caller> {
    this.#used.set(request, token);
    return this.#options.tokens.authenticateToken(token, access);
  }

  #tokenOf(session: string, trace: TraceContext | undefined): Promise<string> {
    let exchanging = this.#exchanging.get(session);
    if (exchanging === undefined) {
      exchanging = this.#exchange(session, trace).finally(() => {
        if (this.#exchanging.get(session) === exchanging) this.#exchanging.delete(session);
      });
      this.#exchanging.set(session, exchanging);
    }
    return exchanging;
  }

  async #exchange(session: string, trace: TraceContext | undefined): Promise<string> {
    const { endpoint, operation, clock } = this.#options;
    const context = createCallContext({
      caller: { service: 'gateway' },
      timeoutMs: exchangeTimeoutMs,
      trace,
    });
    try {
      const [askedAtMs, forgotten] = [clock.nowMs(), this.#forgotten];
      const answer = await endpoint.call(operation, { session }, context);
      const { token } = (answer ?? {}) as { readonly token?: unknown };
      if (typeof token !== 'string')
        throw new TypeError("The operation of 'session.exchange' must answer { token }.");
      // Not if sessions were ended meanwhile: this one may be among them.
      if (forgotten === this.#forgotten) this.#tokens.set(session, token, askedAtMs + cachedForMs);
      return token;
    } catch (error) {
      throw isServiceError(error) && error.declared ? sessionOver(error) : error;
    } finally {
      context.end();
    }
  }
}
