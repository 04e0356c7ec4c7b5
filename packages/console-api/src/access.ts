import type { IncomingMessage } from 'node:http';
import { consoleError } from './errors.ts';

/** Who may use the console. */
export type ConsoleAccess =
  /** Whoever reaches the port; for loopback on a developer's machine. */
  | { readonly kind: 'loopback' }
  /** Whoever has a token that `verify` knows; undefined for one that it does not. */
  | {
      readonly kind: 'sign-in';
      readonly verify: (token: string) => Promise<{ readonly id: string } | undefined>;
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
  checkOrigin(request);
  if (access.kind === 'loopback') return 'console';
  const token = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const user = token === undefined ? undefined : await access.verify(token);
  if (user === undefined) throw consoleError('sign_in_needed');
  return user.id;
}

/** Also for reading: the answer would be kept from the other page, but not what it costs to make. */
function checkOrigin({ headers }: IncomingMessage): void {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (origin !== undefined && hostOf(origin) !== host) throw consoleError('foreign_origin');
  const isNavigation = headers['sec-fetch-mode'] === 'navigate';
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isNavigation)
    throw consoleError('foreign_origin');
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}
