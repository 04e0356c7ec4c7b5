import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Logger } from '@banyan/core';
import * as oidc from 'openid-client';
import { consoleError } from '../errors.ts';
import { cookieOf, setCookie } from './cookies.ts';
import { type PendingSignIn, readPending, writePending } from './pending.ts';
import { createSessions } from './sessions.ts';

export interface OidcSignInOptions {
  /** URL of the OpenID provider, such as `https://shop.example/oauth` of `@banyan/identity`. Plain HTTP is for loopback alone. */
  readonly issuer: string;
  /** The console's name there; its ID tokens are signed with RS256. */
  readonly clientId: string;
  /** Without one the client is public. */
  readonly clientSecret?: string;
  /** Where browsers reach the console, without a path. `/sign-in/back` there is the client's redirect URI. */
  readonly publicUrl: string;
  /** Whether the account (`sub`) may use the console: most accounts of a system belong to its customers. */
  readonly isOperator: (account: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Pages that sign somebody in, and who has. */
export interface ConsoleSignIn {
  /** Of the console as browsers reach it, such as `https://console.shop.example`. */
  readonly origin: string;
  /** Answers a request for `/sign-in`, `/sign-in/back` or `/sign-out` (`{ to }`: where to go from there); false for any other. */
  serve(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
  /** Undefined if nobody has signed in, or a session of eight hours is over. */
  userOf(request: IncomingMessage): { readonly id: string } | undefined;
}

const paths = { begin: '/sign-in', back: '/sign-in/back', out: '/sign-out' } as const;
const pendingSeconds = 600;

/** Signs operators in at an OpenID provider, by code with PKCE. Sessions are kept in memory: a console that starts again asks anew. */
export function createOidcSignIn(options: OidcSignInOptions): ConsoleSignIn {
  return new OidcSignIn(options);
}

class OidcSignIn implements ConsoleSignIn {
  readonly #options: OidcSignInOptions;
  readonly #sessions;
  readonly origin: string;
  readonly #isSecure: boolean;
  readonly #cookies: { readonly pending: string; readonly session: string };
  #provider: Promise<oidc.Configuration> | undefined;

  constructor(options: OidcSignInOptions) {
    this.#options = options;
    this.#sessions = createSessions(options.clock);
    const { origin, protocol } = new URL(options.publicUrl);
    this.origin = origin;
    this.#isSecure = protocol === 'https:';
    // With the prefix a browser takes it from this host alone, not from a neighbour in the domain (RFC 6265bis).
    const prefix = this.#isSecure ? '__Host-' : '';
    this.#cookies = { pending: `${prefix}banyan_sign_in`, session: `${prefix}banyan_console` };
  }

  userOf(request: IncomingMessage): { readonly id: string } | undefined {
    const account = this.#sessions.accountOf(cookieOf(request, this.#cookies.session));
    return account === undefined ? undefined : { id: account };
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const url = URL.parse(request.url ?? '/', this.#options.publicUrl);
    if (url === null) return false;
    const { pathname } = url;
    if (request.method === 'GET' && pathname === paths.begin) await this.#begin(url, response);
    else if (request.method === 'GET' && pathname === paths.back) await this.#end(url, request, response);
    else if (request.method === 'POST' && pathname === paths.out) await this.#leave(request, response);
    else return false;
    return true;
  }

  async #begin(url: URL, response: ServerResponse): Promise<void> {
    const provider = await this.#discovered();
    const pending: PendingSignIn = {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      verifier: oidc.randomPKCECodeVerifier(),
      to: url.searchParams.get('to') ?? '/',
    };
    const location = oidc.buildAuthorizationUrl(provider, {
      redirect_uri: new URL(paths.back, this.#options.publicUrl).href,
      scope: 'openid',
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
      ...(url.searchParams.has('again') ? { prompt: 'login' } : undefined),
    });
    this.#keep(response, {
      name: this.#cookies.pending,
      value: writePending(pending),
      seconds: pendingSeconds,
    });
    redirect(response, location.href);
  }

  async #end(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pending = readPending(cookieOf(request, this.#cookies.pending));
    if (pending === undefined) return redirect(response, paths.begin);
    const account = await this.#accountOf(url, pending);
    this.#keep(response, { name: this.#cookies.pending, value: '', seconds: 0 });
    const { isOperator, logger } = this.#options;
    if (!isOperator(account)) {
      logger.warn('somebody who is no operator has signed in at the console', { account });
      throw consoleError('no_operator');
    }
    this.#sessions.end(cookieOf(request, this.#cookies.session));
    const { id, seconds } = this.#sessions.begin(account);
    logger.info('an operator has signed in', { account });
    this.#keep(response, { name: this.#cookies.session, value: id, seconds });
    redirect(response, pending.to);
  }

  /** @throws ServiceError `unauthenticated` `sign_in_failed` */
  async #accountOf(url: URL, { state, nonce, verifier }: PendingSignIn): Promise<string> {
    const provider = await this.#discovered();
    try {
      const tokens = await oidc.authorizationCodeGrant(provider, url, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      return tokens.claims()?.sub ?? '';
    } catch (cause) {
      // The browser is told no more than that; a wrong secret or clock is for whoever runs the console to see.
      this.#options.logger.warn('a sign-in failed', { error: cause });
      throw consoleError('sign_in_failed', { cause });
    }
  }

  /** Says where the provider ends its own session, which would sign in again without a question; one that cannot is made to ask. */
  async #leave(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const session = cookieOf(request, this.#cookies.session);
    const account = this.#sessions.accountOf(session);
    if (account !== undefined) this.#options.logger.info('an operator has signed out', { account });
    this.#sessions.end(session);
    this.#keep(response, { name: this.#cookies.session, value: '', seconds: 0 });
    const provider = await this.#discovered().catch(() => undefined);
    const hasEnd = provider?.serverMetadata().end_session_endpoint !== undefined;
    const to =
      provider !== undefined && hasEnd ? oidc.buildEndSessionUrl(provider).href : `${paths.begin}?again`;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ to }));
  }

  /** What the provider says of itself; asked for again after a failure. */
  #discovered(): Promise<oidc.Configuration> {
    const { issuer, clientId, clientSecret, logger } = this.#options;
    this.#provider ??= oidc
      .discovery(
        new URL(issuer),
        clientId,
        clientSecret,
        clientSecret === undefined ? oidc.None() : undefined,
        issuer.startsWith('http:') ? { execute: [oidc.allowInsecureRequests] } : undefined,
      )
      .catch((cause: unknown) => {
        this.#provider = undefined;
        logger.error('the OpenID provider cannot be asked', { issuer, error: cause });
        throw consoleError('sign_in_away', { cause });
      });
    return this.#provider;
  }

  #keep(
    response: ServerResponse,
    cookie: { readonly name: string; readonly value: string; readonly seconds: number },
  ): void {
    setCookie(response, { ...cookie, isSecure: this.#isSecure });
  }
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(302, { location, 'cache-control': 'no-store' }).end();
}
