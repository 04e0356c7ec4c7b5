import type { Sql } from '@banyan/core';
import { freshPlan } from '../events/fresh-plan.ts';

/** Replies in `banyan.reply` of a service's database; see `ReplyStore` of `@banyan/chassis`. */
export interface PostgresReplyStore {
  find(sql: Sql, key: string): Promise<Reply | undefined>;
  findAll(sql: Sql, keys: readonly string[]): Promise<ReadonlyMap<string, Reply>>;
  store(sql: Sql, key: string, value: unknown): Promise<void>;
  storeAll(sql: Sql, replies: readonly { readonly key: string; readonly value: unknown }[]): Promise<void>;
  voidKey(sql: Sql, key: string): Promise<Reply>;
  /** Forgets replies that are older; returns how many. */
  prune(sql: Sql, olderThanMs: number): Promise<number>;
}

type Reply = { readonly kind: 'reply'; readonly value: unknown } | { readonly kind: 'void' };

interface Row {
  readonly isVoid: boolean;
  readonly reply: unknown;
}

/** Rows dropped in one statement. */
const pruneStep = 1_000;

export function createPostgresReplyStore(): PostgresReplyStore {
  return {
    async find(sql, key) {
      const [row] = await sql<Row>`select is_void, reply from banyan.reply where key = ${key}`;
      return row === undefined ? undefined : toReply(row);
    },
    async findAll(sql, keys) {
      const rows = await sql<Row & { readonly key: string }>`
        select key, is_void, reply from banyan.reply where key = any(${sql.array(keys, 'text')})`;
      return new Map(rows.map((row) => [row.key, toReply(row)]));
    },
    async storeAll(sql, replies) {
      const keys = replies.map(({ key }) => key);
      const values = replies.map(({ value }) => JSON.stringify(value) ?? null);
      await sql`
        insert into banyan.reply (key, reply)
        select key, reply::json from unnest(${sql.array(keys, 'text')}, ${sql.array(values, 'text')}) as r (key, reply)`;
    },
    async store(sql, key, value) {
      await sql`insert into banyan.reply (key, reply) values (${key}, ${JSON.stringify(value) ?? null}::json)`;
    },
    async voidKey(sql, key) {
      // Waits for whoever is about to commit the key, and then does not insert.
      const inserted = await sql`
        insert into banyan.reply (key, is_void) values (${key}, true) on conflict (key) do nothing returning key`;
      if (inserted.length > 0) return { kind: 'void' };
      const [row] = await sql<Row>`select is_void, reply from banyan.reply where key = ${key}`;
      return row === undefined ? { kind: 'void' } : toReply(row);
    },
    async prune(sql, olderThanMs) {
      for (let total = 0; ; ) {
        const gone = await sql`
          delete from banyan.reply where key in (
            select key from banyan.reply where stored_at < now() - ${olderThanMs}::float8 * interval '1 millisecond'
            limit ${pruneStep} ${freshPlan} for update skip locked
          ) returning 1`;
        total += gone.length;
        if (gone.length < pruneStep) return total;
      }
    },
  };
}

function toReply({ isVoid, reply }: Row): Reply {
  return isVoid ? { kind: 'void' } : { kind: 'reply', value: reply ?? undefined };
}
