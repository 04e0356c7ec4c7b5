import type { IncomingMessage } from 'node:http';
import { ServiceError } from '@banyan/core';
import type { HeaderList } from './security-headers.ts';

/*
 * The cookie that stands for a session. `__Host-`: only over TLS (or to this machine), for this host alone, for all its paths, so that no
 * neighbouring host can plant one. `HttpOnly`: no script reads it. `Lax`: it does not come with requests that other sites make, except
 * when somebody follows a link; what changes something is checked besides.
 */
const cookieName = '__Host-session';
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Lax';
const reference = /^[A-Za-z0-9_-]{16,256}$/;

/** The reference in the request's cookie; undefined if it has none. What could not be one of ours is one of no session. */
export function sessionOf({ headers }: IncomingMessage): string | undefined {
  const { cookie } = headers;
  if (cookie === undefined || !cookie.includes(cookieName)) return undefined;
  const values = cookie
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${cookieName}=`))
    .map((pair) => pair.slice(cookieName.length + 1));
  const [value] = values;
  if (value === undefined) return undefined;
  if (values.length > 1 || !reference.test(value)) throw sessionOver();
  return value;
}

/** A `Cookie` field without ours, for whoever must not learn it; undefined if nothing is left. */
export function withoutSession(cookie: string | undefined): string | undefined {
  if (cookie === undefined || !cookie.includes(cookieName)) return cookie;
  const others = cookie.split(';').filter((pair) => !pair.trim().startsWith(`${cookieName}=`));
  return others.length === 0 ? undefined : others.join(';').trim();
}

/** True if a `Set-Cookie` field would set ours. */
export function isSessionCookie(setCookie: string): boolean {
  return setCookie.trimStart().startsWith(cookieName);
}

/** Puts the reference that an operation has answered into a cookie. @returns the output without it, for the body */
export function openSession(headers: HeaderList, output: unknown): unknown {
  const { session, ...rest } = (output ?? {}) as { readonly session?: unknown; readonly expiresAt?: unknown };
  if (typeof session !== 'string') return output;
  if (!reference.test(session))
    throw new TypeError("The field 'session' must be 16 to 256 characters of base64url.");
  const ends =
    typeof rest.expiresAt === 'string' ? `; Expires=${new Date(rest.expiresAt).toUTCString()}` : '';
  headers.push('set-cookie', `${cookieName}=${session}; ${attributes}${ends}`);
  return rest;
}

export function forgetSession(headers: HeaderList): void {
  headers.push('set-cookie', `${cookieName}=; ${attributes}; Max-Age=0`);
}

/** Methods that change nothing (RFC 9110, 9.2.1): a link may lead to them. */
const safeMethods: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses a change that a page of another origin asks for. Browsers say where a request comes from, and no script can say otherwise; a
 * program that has the cookie, but is no browser, says `Origin` itself.
 * @throws ServiceError `permission_denied` `cross_site_request`
 */
export function checkOrigin(request: IncomingMessage): void {
  if (safeMethods.has(request.method) || isFromHere(request) === true) return;
  throw crossSite();
}

/** The same for a request without a cookie that will get one: only what says that it comes from elsewhere is refused. */
export function checkNotForeign(request: IncomingMessage): void {
  if (isFromHere(request) === false) throw crossSite();
}

/** Undefined if the request does not say. */
function isFromHere({ headers }: IncomingMessage): boolean | undefined {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  if (origin === undefined) return undefined;
  return URL.canParse(origin) && new URL(origin).host === host;
}

export function sessionOver(cause?: unknown): ServiceError {
  return new ServiceError('The session is over; sign in again.', {
    code: 'unauthenticated',
    reason: 'session_over',
    cause,
  });
}

export function twoCredentials(): ServiceError {
  return new ServiceError('The request has a session and an access token; send one of them.', {
    code: 'invalid_argument',
    reason: 'two_credentials',
  });
}

function crossSite(): ServiceError {
  return new ServiceError('With a session, changes are made by pages of this site only.', {
    code: 'permission_denied',
    reason: 'cross_site_request',
  });
}
