import { setTimeout as sleep } from 'node:timers/promises';
import { service } from '@banyan/banyan';
import { board } from './contract.ts';

const sweepEveryMs = 1_000;

// Time is the database's, so that all instances agree. What has expired is gone at once for everybody; the sweep only makes room.
export const boardService = service(board, {
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async pin({ name, text, ttlMs }, { sql }) {
      await sql`
        insert into notice (name, text, expires_at)
        values (${name}, ${text}, clock_timestamp() + ${ttlMs} * interval '1 millisecond')
        on conflict (name) do update set text = excluded.text, expires_at = excluded.expires_at`;
      return {};
    },

    async look({ name }, { sql, fail }) {
      const [notice] = await sql<{ text: string; ttlMs: number }>`
        select text, extract(epoch from expires_at - clock_timestamp())::float8 * 1000 as ttl_ms
        from notice where name = ${name} and expires_at > clock_timestamp()`;
      return notice ?? fail('noSuchNotice');
    },

    async subscribe({ topic, ttlMs }, { sql }) {
      const [subscription] = await sql<{ subscriptionId: string }>`
        insert into subscription (topic, ttl_ms, expires_at)
        values (${topic}, ${ttlMs}, clock_timestamp() + ${ttlMs} * interval '1 millisecond')
        returning subscription_id`;
      if (subscription === undefined) throw new Error('The subscription was not stored.');
      return subscription;
    },

    async tell({ topic, text }, { sql }) {
      const told = await sql`
        with listening as (
          select subscription_id from subscription
          where topic = ${topic} and expires_at > clock_timestamp()
          for key share
        )
        insert into delivery (subscription_id, text) select subscription_id, ${text} from listening returning 1`;
      return { reached: told.length };
    },

    async collect({ subscriptionId }, { tx, fail }) {
      return tx(async ({ sql }) => {
        const [renewed] = await sql`
          update subscription set expires_at = clock_timestamp() + ttl_ms * interval '1 millisecond'
          where subscription_id = ${subscriptionId} and expires_at > clock_timestamp()
          returning 1`;
        if (renewed === undefined) return fail('notSubscribed');
        const taken = await sql<{ text: string }>`
          with taken as (
            delete from delivery where subscription_id = ${subscriptionId} returning delivery_id, text
          )
          select text from taken order by delivery_id`;
        return { texts: taken.map(({ text }) => text) };
      });
    },

    async countRows(_input, { sql }) {
      const [count] = await sql<{ rows: number }>`
        select (select count(*) from notice) + (select count(*) from subscription)
          + (select count(*) from delivery) as rows`;
      return { rows: count?.rows ?? 0 };
    },
  },
  background: {
    async sweep({ sql, signal }) {
      while (!signal.aborted) {
        await sql`delete from notice where expires_at <= clock_timestamp()`;
        await sql`delete from subscription where expires_at <= clock_timestamp()`;
        await sleep(sweepEveryMs, undefined, { signal }).catch(() => {});
      }
    },
  },
});
