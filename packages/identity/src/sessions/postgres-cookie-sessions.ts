import type { Sql } from '@banyan/banyan';
import { handleHash, newHandle } from '../keys/handle.ts';
import type { CookieSessions } from './cookie-sessions.ts';
import type { Session } from './session.ts';
import {
  deleteAll,
  deleteBefore,
  type Ended,
  idsOf,
  insertSession,
  listSessions,
  markUsed,
  rememberEnd,
  rememberRevision,
} from './session-rows.ts';

const kind = 'cookie';

/** Sessions in the service's own database. @param sql of a transaction, for all but `use` and `list`; it has to be undone if `begin` gives nothing */
export function createPostgresCookieSessions(sql: Sql): CookieSessions {
  return {
    async begin(signIn, lifetimes) {
      const reference = newHandle();
      const referenceHash = handleHash(reference);
      const session = await insertSession(sql, { ...signIn, ...lifetimes, kind, referenceHash });
      return session && { session, reference };
    },

    async use(reference, { idleSeconds }) {
      const [found] = await sql<Session & { readonly wasUsedLately: boolean }>`
        select session_id, account_id, ends_at, last_used_at > now() - least(interval '1 minute', make_interval(secs => ${idleSeconds} / 4.0)) as was_used_lately
        from live_sessions where reference_hash = ${handleHash(reference)}`;
      if (found === undefined) return undefined;
      const { wasUsedLately, ...session } = found;
      // Reading is what happens at every other request; writing once a minute is enough.
      if (!wasUsedLately) await markUsed(sql, session.sessionId, idleSeconds);
      return session;
    },

    async end(reference) {
      return idsOf(
        await sql<Ended>`
          delete from sessions where reference_hash = ${handleHash(reference)} returning session_id`,
      );
    },

    list: (accountId) => listSessions(sql, kind, accountId),

    async endUntil(accountId, endedAt) {
      await rememberEnd(sql, accountId, endedAt);
      return deleteAll(sql, kind, accountId);
    },

    async endBefore(accountId, passwordRevision) {
      await rememberRevision(sql, accountId, passwordRevision);
      return deleteBefore(sql, kind, { accountId, passwordRevision });
    },
  };
}
