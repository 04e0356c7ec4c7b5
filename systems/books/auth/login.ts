import type { Sql } from '@banyan/banyan';
import { setCookie } from '../sessions/session-cookie.ts';
import type { SessionStore } from '../sessions/session-store.ts';
import { type PageRequest, type PageResponse, redirectTo, textPage } from '../vocabulary/page.ts';
import { loginPage } from './login-page.ts';
import { readerWith } from './readers.ts';

export interface LoginParts {
  readonly sql: Sql;
  readonly sessions: SessionStore;
  /** Name of the cookie. */
  readonly cookie?: string;
}

/** GET shows the form, POST looks at what was filled in. */
export async function answerLogin(request: PageRequest, parts: LoginParts): Promise<PageResponse> {
  if (request.method === 'GET' || request.method === 'HEAD') return loginPage({ isBad: false });
  if (request.method !== 'POST') return textPage(405, 'GET or POST');
  if (isForeign(request)) return textPage(403, 'This form was sent by a page of another site.');
  const form = new URLSearchParams(request.body);
  const reader = await readerWith(parts.sql, form.get('name') ?? '', form.get('password') ?? '');
  if (reader === undefined) return loginPage({ isBad: true });
  return redirectTo('/me', [setCookie(await parts.sessions.open(reader), parts.cookie)]);
}

/**
 * Browsers say where a request comes from, and no script can say otherwise. What says nothing at all is no browser, and has no cookie that a stranger
 * could use.
 */
export function isForeign({ headers }: PageRequest): boolean {
  const site = headers['sec-fetch-site'];
  return site === undefined ? headers['origin'] !== undefined : site !== 'same-origin';
}
