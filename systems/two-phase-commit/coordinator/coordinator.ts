import type { PostgresDatabase } from '@banyan/postgres';
import { end, namePattern, prepare, preparedIn } from './prepared.ts';

/** What one participant does in a transaction; rejecting is a vote against it. */
export type Work = (sql: PostgresDatabase['sql']) => Promise<void>;

export interface CoordinatorOptions {
  /** One coordinator runs under a name at a time; its prepared transactions begin with it. */
  readonly name: string;
  /** Keeps the decisions. */
  readonly log: PostgresDatabase;
  readonly participants: Readonly<Record<string, PostgresDatabase>>;
  /** Called between the steps of the protocol: what a crash may fall into. */
  readonly onStep?: (step: 'prepared' | 'decided') => Promise<void>;
}

export type Outcome =
  | { readonly state: 'committed' }
  | { readonly state: 'rolled back'; readonly cause: unknown };

/** Two-phase commit with presumed abort (Gray, 1978; Mohan and Lindsay, 1983): what is not in the log as committed is rolled back. */
export class Coordinator {
  readonly #options: CoordinatorOptions;

  constructor(options: CoordinatorOptions) {
    if (!namePattern.test(options.name))
      throw new TypeError('Coordinator: name it in small letters, digits and -.');
    this.#options = options;
  }

  /** Makes the log, and ends what an earlier run under this name has left prepared. */
  async start(): Promise<{ readonly committed: number; readonly rolledBack: number }> {
    const { name, log, participants } = this.#options;
    await log.sql`create table if not exists decision (coordinator text, id text, primary key (coordinator, id))`;
    const decided = await log.sql<{ id: string }>`select id from decision where coordinator = ${name}`;
    const committed = new Set(decided.map(({ id }) => id));
    const ended = { committed: 0, rolledBack: 0 };
    for (const [participant, database] of Object.entries(participants)) {
      for (const gid of await preparedIn(database, `${name}:`)) {
        const [, id = '', owner] = gid.split(':');
        // On one server all databases share the names.
        if (owner !== participant) continue;
        const isCommitted = committed.has(id);
        await end(database, gid, isCommitted ? 'commit' : 'rollback');
        ended[isCommitted ? 'committed' : 'rolledBack'] += 1;
      }
    }
    await log.sql`delete from decision where coordinator = ${name}`;
    return ended;
  }

  /** Does all of `work` or nothing, in the databases of the participants that it names. */
  async run(id: string, work: Readonly<Record<string, Work>>): Promise<Outcome> {
    const { name, log, onStep } = this.#options;
    if (!namePattern.test(id)) throw new TypeError(`Coordinator: '${id}' is no name of a transaction.`);
    const parts = Object.entries(work).map(([participant, each]) => ({
      database: this.#find(participant),
      gid: `${name}:${id}:${participant}`,
      each,
    }));
    const votes = await Promise.allSettled(
      parts.map(({ database, gid, each }) => prepare(database, gid, each)),
    );
    const against = votes.find((vote) => vote.status === 'rejected');
    if (against !== undefined) {
      await Promise.all(parts.map(({ database, gid }) => end(database, gid, 'rollback')));
      return { state: 'rolled back', cause: against.reason };
    }
    await onStep?.('prepared');
    // From here on it is committed, whoever dies.
    await log.sql`insert into decision (coordinator, id) values (${name}, ${id})`;
    await onStep?.('decided');
    await Promise.all(parts.map(({ database, gid }) => end(database, gid, 'commit')));
    await log.sql`delete from decision where coordinator = ${name} and id = ${id}`;
    return { state: 'committed' };
  }

  #find(name: string): PostgresDatabase {
    const found = this.#options.participants[name];
    if (found === undefined) throw new TypeError(`Coordinator: there is no participant '${name}'.`);
    return found;
  }
}
