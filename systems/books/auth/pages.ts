import type { Sql } from '@banyan/banyan';
import { dropCookie, readerOf, referenceOf } from '../sessions/session-cookie.ts';
import type { SessionStore } from '../sessions/session-store.ts';
import { type PageRequest, type PageResponse, redirectTo, textPage } from '../vocabulary/page.ts';
import { answerLogin, isForeign } from './login.ts';

type Page<Context> = (request: PageRequest, context: Context) => Promise<PageResponse>;

/** The pages of stages 2 and 3, on sessions wherever they are kept. */
export function pagesOn<Context extends { readonly sql: Sql }>(
  sessionsOf: (context: Context) => SessionStore,
): Readonly<Record<'login' | 'logOut' | 'me', Page<Context>>> {
  return {
    login: (request, context) => answerLogin(request, { sql: context.sql, sessions: sessionsOf(context) }),

    async logOut(request, context) {
      if (request.method !== 'POST' || isForeign(request)) return textPage(403, 'Sign out on the page.');
      const reference = referenceOf(request);
      if (reference !== undefined) await sessionsOf(context).end(reference);
      return redirectTo('/login', [dropCookie]);
    },

    async me(request, context) {
      const reader = await readerOf(request, sessionsOf(context));
      return reader === undefined ? redirectTo('/login') : textPage(200, reader.name);
    },
  };
}
