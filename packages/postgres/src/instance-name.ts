import { type Clock, type Logger, silentLogger, sleep, systemClock } from '@banyan/core';
import { tryLockSession } from './advisory-lock.ts';
import { createDatabase, type PostgresDatabase } from './database.ts';
import type { DatabaseSession } from './session.ts';

export interface InstanceNameOptions {
  /** Of the platform's database. */
  readonly platformUrl: string;
  readonly system: string;
  /** What runs in this process; the name is taken for all of them, or for none. */
  readonly parts: readonly string[];
  /** The name if nobody else has it. */
  readonly wanted: string;
  readonly clock?: Clock;
}

/** The name of this process among those that run the same parts. */
export interface InstanceName {
  /** What was wanted, or that with `-2`, `-3` … behind it: the first that no living process has. */
  readonly name: string;
  /** Tells there what becomes of the name from now on. */
  useLogger(logger: Logger): void;
  /** Gives the name back. Idempotent. */
  release(): Promise<void>;
}

const checkEveryMs = 1_000;
const answerWithinMs = 2_000;
/** A server that is busy needs a moment to see that the process is gone which had the name before a restart. */
const patienceMs = 500;
const askEveryMs = 50;

/**
 * Takes a name that no other living process of the system has for the same part. It is held by a connection, so it is free as soon as the process is
 * gone, however that ended: a restart gets it again. After a lost connection, noticed within seconds, it is taken again. Until then another process can take
 * it as well, which is logged.
 * @throws ServiceError `unavailable` `database_unavailable`
 */
export async function takeInstanceName(options: InstanceNameOptions): Promise<InstanceName> {
  const database = createDatabase({
    url: options.platformUrl,
    maxConnections: 1,
    applicationName: 'banyan instance',
  });
  const held = new HeldName(database, options);
  try {
    return await held.take();
  } catch (error) {
    await held.release();
    throw error;
  }
}

class HeldName implements InstanceName {
  name = '';
  readonly #database: PostgresDatabase;
  readonly #options: InstanceNameOptions;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  #logger: Logger = silentLogger;
  #holding: Promise<unknown> = Promise.resolve();
  #isTaken = false;

  constructor(database: PostgresDatabase, options: InstanceNameOptions) {
    this.#database = database;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async take(): Promise<InstanceName> {
    const taken = Promise.withResolvers<void>();
    const first = this.#database.session(async (session) => {
      this.name = await this.#firstFree(session);
      taken.resolve();
      await this.#hold(session);
    });
    first.catch(taken.reject);
    await taken.promise;
    this.#holding = first.catch(() => {}).then(() => this.#keep());
    return this;
  }

  useLogger(logger: Logger): void {
    this.#logger = logger;
    const { wanted } = this.#options;
    if (this.name !== wanted)
      logger.warn(`another process has the instance name '${wanted}'; this one is '${this.name}'`);
  }

  async release(): Promise<void> {
    this.#stopping.abort();
    await this.#holding;
    await this.#database.close();
  }

  async #firstFree(session: DatabaseSession): Promise<string> {
    const { wanted } = this.#options;
    const patientUntilMs = this.#clock.nowMs() + patienceMs;
    do {
      if (await this.#lock(session, wanted)) return wanted;
      await sleep(askEveryMs, this.#clock);
    } while (this.#clock.nowMs() < patientUntilMs);
    // Each name that is taken is a connection to the server, so there is an end.
    for (let count = 2; ; count += 1) {
      const name = `${wanted}-${count}`;
      if (await this.#lock(session, name)) return name;
    }
  }

  async #lock(session: DatabaseSession, name: string): Promise<boolean> {
    const { system, parts } = this.#options;
    for (const part of parts) {
      if (await tryLockSession(session, `banyan.instance ${system} ${part} ${name}`)) continue;
      await session.sql`select pg_advisory_unlock_all()`;
      return false;
    }
    return true;
  }

  async #hold(session: DatabaseSession): Promise<void> {
    while (session.isOpen && !this.#stopping.signal.aborted) {
      await this.#pause();
      await this.#ask(session);
    }
  }

  #ask(session: DatabaseSession): Promise<unknown> {
    return this.#answered(session, session.sql`select 1`);
  }

  /** The network may have swallowed that the server ended the connection: only an answer shows that it has not. */
  async #answered<Answer>(session: DatabaseSession, answer: PromiseLike<Answer>): Promise<Answer> {
    const answered = new AbortController();
    sleep(answerWithinMs, this.#clock, answered.signal).then(
      () => session.destroy(),
      () => {},
    );
    try {
      return await answer;
    } finally {
      answered.abort();
    }
  }

  /** Takes it again whenever the connection was lost. */
  async #keep(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#database.session((session) => this.#takeAgain(session));
      } catch (error) {
        this.#logger.debug('the instance name cannot be taken again yet', { name: this.name, error });
      }
      await this.#pause();
    }
  }

  async #takeAgain(session: DatabaseSession): Promise<void> {
    if (await this.#answered(session, this.#lock(session, this.name))) {
      this.#isTaken = false;
      await this.#hold(session);
    } else if (!this.#isTaken) {
      // The server may not have noticed yet that our own earlier connection is gone.
      this.#isTaken = true;
      this.#logger.warn(`the instance name '${this.name}' is held by another connection; trying again`);
    }
  }

  #pause(): Promise<void> {
    return sleep(checkEveryMs, this.#clock, this.#stopping.signal).catch(() => {});
  }
}
