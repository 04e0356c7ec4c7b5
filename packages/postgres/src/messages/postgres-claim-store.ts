import type { Database } from '@banyan/core';
import type { ClaimStore } from '@banyan/events';
import { freshPlan } from '../events/fresh-plan.ts';

/** More than one, so that texts cannot gather however unevenly they come. */
const removedByEachPut = 20;

/** Claims in the platform's database. Needs the tables of `migrations/platform`. */
export function createPostgresClaimStore({ sql }: Pick<Database, 'sql'>): ClaimStore {
  return {
    async put({ id, text, keepMs }) {
      await sql`
        with old as (
          delete from banyan.claim where id in (
            select id from banyan.claim where expires_at <= now()
            limit ${removedByEachPut} ${freshPlan} for update skip locked
          )
        )
        insert into banyan.claim (id, data, expires_at)
        values (${id}, ${text}, clock_timestamp() + ${keepMs}::float8 * interval '1 millisecond')
        on conflict (id) do update set expires_at = greatest(claim.expires_at, excluded.expires_at)`;
    },
    async get(id) {
      const [row] = await sql<{ data: string }>`
        select data from banyan.claim where id = ${id} and expires_at > clock_timestamp()`;
      return row?.data;
    },
  };
}
