import type { IncomingMessage } from 'node:http';
import { consoleError } from './errors.ts';
import type { ConsoleSignIn } from './sign-in/oidc-sign-in.ts';

/** Who may use the console. */
export type ConsoleAccess =
  /** Whoever reaches the port; for loopback on a developer's machine. */
  | { readonly kind: 'loopback' }
  /** Whoever has a token that `verify` knows, or has signed in; undefined for one that it does not know, or that is not good for the request. */
  | {
      readonly kind: 'sign-in';
      readonly verify: (
        token: string,
        request: IncomingMessage,
      ) => Promise<{ readonly id: string } | undefined>;
      /** Pages that sign in. Default: tokens alone. */
      readonly signIn?: ConsoleSignIn;
    };

const loopbackHost = /^(?:localhost|[a-z0-9-]+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * Name of whoever sends the request, for the audit.
 * @throws ServiceError `permission_denied` `foreign_host`, `foreign_origin`; `unauthenticated` `sign_in_needed`
 */
export async function admit(request: IncomingMessage, access: ConsoleAccess): Promise<string> {
  const { headers } = request;
  // A page whose name was made to point to 127.0.0.1 is same-origin with itself; only the name gives it away.
  if (access.kind === 'loopback' && !loopbackHost.test(headers.host ?? ''))
    throw consoleError('foreign_host');
  checkOrigin(request, access);
  if (access.kind === 'loopback') return 'console';
  const token = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const user = token === undefined ? access.signIn?.userOf(request) : await access.verify(token, request);
  if (user === undefined) throw consoleError('sign_in_needed');
  return user.id;
}

/** Also for reading: the answer would be kept from the other page, but not what it costs to make. */
export function checkOrigin({ headers, method }: IncomingMessage, access: ConsoleAccess): void {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (origin !== undefined && !isOwn(origin, host, access)) throw consoleError('foreign_origin');
  // The provider sends browsers back by one, and a link elsewhere may open a page; a form there may change nothing.
  const isNavigation = headers['sec-fetch-mode'] === 'navigate' && (method === 'GET' || method === 'HEAD');
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isNavigation)
    throw consoleError('foreign_origin');
}

/** Where the address is known, its scheme counts, too: a page without TLS may be anybody's. */
function isOwn(origin: string, host: string | undefined, access: ConsoleAccess): boolean {
  const known = access.kind === 'loopback' ? undefined : access.signIn?.origin;
  return known === undefined ? URL.parse(origin)?.host === host : origin === known;
}
