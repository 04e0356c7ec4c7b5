import type { Logger, Sql } from '@banyan/core';
import type {
  AnswerVerdict,
  NewAnswer,
  NewRequest,
  RequestCounts,
  RequestStore,
  StoredAnswer,
  StoredRequest,
} from '@banyan/events';
import type { PostgresDatabase } from '../database.ts';
import { freshPlan } from '../events/fresh-plan.ts';
import type { Listener } from '../listener.ts';

/** The requests of one service, in its own database. Needs the tables of `migrations/service`. */
export function createPostgresRequestStore(
  database: PostgresDatabase,
  { logger }: { readonly logger: Logger },
): RequestStore {
  return new PostgresRequestStore(database, logger);
}

const channel = 'banyan_answer';
const pruneStep = 1_000;

interface VerdictRow {
  readonly isOpen: boolean;
  readonly isNew: boolean;
  readonly waiter: string | null;
  readonly callback: string | null;
}

class PostgresRequestStore implements RequestStore {
  readonly #database: PostgresDatabase;
  readonly #logger: Logger;
  readonly #listeners = new Set<(requestId: string | undefined) => void>();
  #listening: Promise<Listener | undefined> | undefined;

  constructor(database: PostgresDatabase, logger: Logger) {
    this.#database = database;
    this.#logger = logger;
  }

  async open(sql: Sql, requests: readonly NewRequest[]): Promise<void> {
    const column = (name: keyof NewRequest) => requests.map((request) => request[name] ?? null);
    await sql`
      insert into banyan.request (id, about, waiter, callback, expires_at)
      select id, about, waiter, callback, clock_timestamp() + expires_in_ms * interval '1 millisecond'
      from unnest(
        ${sql.array(column('id'), 'uuid')}, ${sql.array(column('about'), 'text')},
        ${sql.array(column('waiter'), 'text')}, ${sql.array(column('callback'), 'text')},
        ${sql.array(column('expiresInMs'), 'float8')}
      ) as r (id, about, waiter, callback, expires_in_ms)`;
  }

  /**
   * The row is locked from here to the commit, so `close` waits for an answer that is about to be committed, and an answer for a `close`: whoever waits
   * either gets it or makes it late.
   */
  async answer(sql: Sql, { requestId, from, data }: NewAnswer): Promise<AnswerVerdict> {
    const text = JSON.stringify(data);
    const [row] = await sql<VerdictRow>`
      with asked as materialized (
        select id, waiter, callback,
          closed_at is null and (waiter is null or expires_at > clock_timestamp()) as is_open
        from banyan.request where id = ${requestId} for update
      ), taken as (
        insert into banyan.answer (request_id, source, data)
        select id, ${from}, ${text}::json from asked where is_open
        on conflict do nothing
        returning 1
      ), refused as (
        update banyan.request set late = late + 1 from asked
        where request.id = asked.id and not asked.is_open
      )
      select is_open, exists (select from taken) as is_new, waiter, callback from asked`;
    if (row?.isOpen !== true) return { kind: 'late', isKnown: row !== undefined };
    // Of two answers of one service only the first counts, so only the first is passed on.
    return {
      kind: 'taken',
      waiter: row.waiter ?? undefined,
      callback: row.isNew ? (row.callback ?? undefined) : undefined,
    };
  }

  async read(id: string): Promise<StoredRequest | undefined> {
    const [row] = await this.#database.sql<{
      about: string;
      isOver: boolean;
      answers: readonly StoredAnswer[] | null;
    }>`
      select about, closed_at is not null or expires_at <= clock_timestamp() as is_over,
        (select json_agg(json_build_object('from', source, 'data', data) order by seq)
          from banyan.answer where request_id = request.id) as answers
      from banyan.request where id = ${id}`;
    if (row === undefined) return undefined;
    const answers = row.answers ?? [];
    const state = answers.length > 0 ? 'answered' : row.isOver ? 'expired' : 'waiting';
    return { about: row.about, state, answers };
  }

  async close(id: string): Promise<StoredRequest | undefined> {
    await this.#database.sql`
      update banyan.request set closed_at = clock_timestamp() where id = ${id} and closed_at is null`;
    return this.read(id);
  }

  async counts(): Promise<RequestCounts> {
    const [row] = await this.#database.sql<{ [Name in keyof RequestCounts]: number }>`
      select count(*) filter (where is_answered)::int8 as answered,
        count(*) filter (where not is_answered and not is_over)::int8 as waiting,
        count(*) filter (where not is_answered and is_over)::int8 as expired,
        coalesce(sum(late), 0)::int8 as late
      from (
        select late, closed_at is not null or expires_at <= clock_timestamp() as is_over,
          exists (select from banyan.answer where request_id = request.id) as is_answered
        from banyan.request
      ) as requests`;
    return row ?? { waiting: 0, answered: 0, expired: 0, late: 0 };
  }

  async prune(olderThanMs: number): Promise<number> {
    let total = 0;
    for (;;) {
      const gone = await this.#database.sql`
        delete from banyan.request where id in (
          select id from banyan.request
          where expires_at < now() - ${olderThanMs}::float8 * interval '1 millisecond'
          limit ${pruneStep} ${freshPlan} for update skip locked
        ) returning id`;
      total += gone.length;
      if (gone.length < pruneStep) return total;
    }
  }

  onAnswer(listener: (requestId: string | undefined) => void): () => void {
    this.#listeners.add(listener);
    this.#listening ??= this.#listen();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      void this.#listening?.then((listening) => listening?.close());
      this.#listening = undefined;
    };
  }

  announce(requestId: string): void {
    this.#database.sql`select pg_notify(${channel}, ${requestId})`.catch((error: unknown) => {
      this.#logger.debug('an answer could not be announced; whoever waits looks for it later', { error });
    });
  }

  async #listen(): Promise<Listener | undefined> {
    try {
      return await this.#database.listen(channel, (requestId) => {
        for (const listener of this.#listeners) listener(requestId);
      });
    } catch (error) {
      this.#logger.debug('answers cannot be listened for; whoever waits looks for them now and then', {
        error,
      });
      return undefined;
    }
  }
}
