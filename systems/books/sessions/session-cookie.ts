import type { PageRequest } from '../vocabulary/page.ts';
import type { Reader, SessionStore } from './session-store.ts';

/** Stages 2 and 3; in stage 4 the gateway has its own. `__Host-`: for this host alone, so that no neighbour can plant one. */
const cookieName = '__Host-reader';
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Lax';

export function setCookie(reference: string, name = cookieName): [string, string] {
  return ['set-cookie', `${name}=${reference}; ${attributes}`];
}

export const dropCookie: [string, string] = ['set-cookie', `${cookieName}=; ${attributes}; Max-Age=0`];

export function referenceOf({ headers }: PageRequest): string | undefined {
  const pairs = (headers['cookie'] ?? '').split(';').map((pair) => pair.trim().split('='));
  const found = pairs.filter(([name]) => name === cookieName);
  // Two of them: somebody has added one, and nobody can say which.
  return found.length === 1 ? found[0]?.[1] : undefined;
}

export async function readerOf(request: PageRequest, sessions: SessionStore): Promise<Reader | undefined> {
  const reference = referenceOf(request);
  return reference === undefined ? undefined : sessions.find(reference);
}
