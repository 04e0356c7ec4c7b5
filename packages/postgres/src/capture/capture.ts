import { createHash } from 'node:crypto';
import { type Logger, type Sql, sleep, systemClock } from '@banyan/core';
import { createDatabase, type PostgresDatabase } from '../database.ts';
import { postgresError } from '../errors.ts';
import { type CapturedTransaction, createPgoutputReader, type RowChange } from './pgoutput.ts';
import { createSlot, type ReplicationSlot, type SlotStatus } from './replication-slot.ts';

export interface CaptureOptions<Tx extends { readonly sql: Sql }, Config = unknown> {
  /** Of the capture within the service, kebab-case: its position is remembered under it. */
  readonly name: string;
  /** Tables of the service's schema `public`. Their `replica identity` becomes `full`, so that old values are known. */
  readonly tables: readonly string[];
  /** The service's own database as a role that may use replication slots; the capture is off if it is undefined. */
  readonly url: string | ((config: Config) => string | undefined);
  /** Between two looks at an idle log. Default 100. */
  readonly intervalMs?: number;
  /** An error is logged while more of the write-ahead log than this is held back. Default 256 MiB. */
  readonly alarmBytes?: number;
  /**
   * Tells of one change, in the transaction that also moves the position: what it emits is emitted once. It is called in the order of the
   * commits, within a transaction in the order of its statements. If it rejects, the capture waits and comes back to the same transaction.
   */
  onChange(change: RowChange, tx: Tx): Promise<void> | void;
}

/** What a capture uses of the context of the background task that it runs in. */
export interface CaptureHost<Tx extends { readonly sql: Sql }, Config = unknown> {
  readonly sql: Sql;
  tx<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  readonly config: Config;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Captures changes that were made by plain SQL, whoever made them (change data capture by logical decoding). A replication slot keeps the
 * write-ahead log until it is captured, and nothing that was committed since the slot was made is missed, told twice, or told
 * although it was rolled back. Truncates are not told of.
 */
export interface Capture<Tx extends { readonly sql: Sql }, Config = unknown> {
  /**
   * The background task. Of several instances one captures at a time.
   * @throws ServiceError `data_loss` `capture_lost`; `permission_denied` `database_permission`
   */
  readonly run: (host: CaptureHost<Tx, Config>) => Promise<void>;
  /** Undefined before the first run, or if the capture is off. */
  status(config: Config): Promise<SlotStatus | undefined>;
  /** Gives the slot up, so that the server need not keep its log any more; what is not captured by then never is. */
  remove(host: Pick<CaptureHost<Tx, Config>, 'sql' | 'config'>): Promise<void>;
}

/** @throws TypeError, with the fix in the text */
export function defineCapture<Tx extends { readonly sql: Sql }, Config = unknown>(
  options: CaptureOptions<Tx, Config>,
): Capture<Tx, Config> {
  const { name, tables } = options;
  if (!/^[a-z][a-z0-9-]{0,29}$/.test(name)) {
    throw new TypeError(`defineCapture('${name}'): name it in kebab-case, at most 30 characters.`);
  }
  if (tables.length === 0) throw new TypeError(`defineCapture('${name}'): name at least one table.`);
  return new SlotCapture(options);
}

/** Changes in one decoding; a transaction is never split, so a large one makes it more. */
const batchChanges = 1_000;
const watchEveryMs = 10_000;

class SlotCapture<Tx extends { readonly sql: Sql }, Config> implements Capture<Tx, Config> {
  readonly #options: CaptureOptions<Tx, Config>;

  constructor(options: CaptureOptions<Tx, Config>) {
    this.#options = options;
  }

  readonly run = async (host: CaptureHost<Tx, Config>): Promise<void> => {
    await this.#withSlot(host.config, async (slot) => {
      await this.#prepare(host, slot);
      const { intervalMs = 100 } = this.#options;
      for (let watchedMs = Number.NEGATIVE_INFINITY; !host.signal.aborted; ) {
        if (systemClock.nowMs() - watchedMs > watchEveryMs) {
          watchedMs = systemClock.nowMs();
          await this.#watch(host, slot);
        }
        const told = await this.#step(host, slot);
        if (!told) await sleep(intervalMs, systemClock, host.signal).catch(() => {});
      }
    });
  };

  async status(config: Config): Promise<SlotStatus | undefined> {
    return this.#withSlot(config, (slot) => slot.status());
  }

  async remove({ sql, config }: Pick<CaptureHost<Tx, Config>, 'sql' | 'config'>): Promise<void> {
    await this.#withSlot(config, async (slot) => {
      await slot.drop();
      await sql`drop publication if exists ${sql.identifier(slot.name)}`;
      await sql`delete from banyan.capture where name = ${this.#options.name}`;
    });
  }

  async #withSlot<Result>(
    config: Config,
    work: (slot: ReplicationSlot) => Promise<Result>,
  ): Promise<Result | undefined> {
    const { url: given, name } = this.#options;
    const url = typeof given === 'function' ? given(config) : given;
    if (url === undefined) return undefined;
    const database: PostgresDatabase = createDatabase({
      url,
      maxConnections: 2,
      applicationName: 'banyan-capture',
    });
    try {
      return await work(createSlot(database, slotName(name, url)));
    } finally {
      await database.close();
    }
  }

  /** The publication first: what is decoded later must have seen it. */
  async #prepare({ sql, log }: CaptureHost<Tx, Config>, slot: ReplicationSlot): Promise<void> {
    const { tables, name } = this.#options;
    const published = await publishedTables(sql, slot.name);
    const listed = tables.map((table) => sql.identifier(`public.${table}`));
    const list = listed.slice(1).reduce((all, table) => sql`${all}, ${table}`, sql`${listed[0] ?? sql``}`);
    if (published === undefined) await sql`create publication ${sql.identifier(slot.name)} for table ${list}`;
    else if (published.join() !== tables.toSorted().join()) {
      await sql`alter publication ${sql.identifier(slot.name)} set table ${list}`;
    }
    for (const table of tables) await identifyInFull(sql, table);
    const [position] = await sql`select from banyan.capture where name = ${name}`;
    const status = await slot.status();
    if (status === undefined && position !== undefined) throw lost(name, 'The replication slot is gone.');
    if (status?.isLost) throw lost(name, 'The server has thrown log away that was not captured yet.');
    if (status === undefined) await slot.create();
    if (status?.isUnbounded) {
      log.warn('a capture that stops will fill the disk of the server: set max_slot_wal_keep_size', {
        slot: slot.name,
      });
    }
    await sql`insert into banyan.capture (name, lsn) values (${name}, '0/0') on conflict (name) do nothing`;
  }

  /** Tells of what was committed meanwhile; resolves with whether there was anything. */
  async #step(host: CaptureHost<Tx, Config>, slot: ReplicationSlot): Promise<boolean> {
    const messages = await slot.peek(batchChanges);
    if (messages === undefined) return false;
    const reader = createPgoutputReader();
    const transactions = messages
      .map((message) => reader.read(message))
      .filter((transaction) => transaction !== undefined);
    const last = transactions.at(-1);
    if (last === undefined) return false;
    await host.tx((tx) => this.#tell(tx, transactions));
    // If this is not reached, the same comes again and is known by its position.
    await slot.advance(last.endLsn);
    return true;
  }

  async #tell(tx: Tx, transactions: readonly CapturedTransaction[]): Promise<void> {
    const { name, onChange } = this.#options;
    const [saved] = await tx.sql<{ lsn: string }>`
      select lsn::text as lsn from banyan.capture where name = ${name} for update`;
    const fresh = transactions.filter(({ endLsn }) => toNumber(endLsn) > toNumber(saved?.lsn ?? '0/0'));
    for (const { changes } of fresh) {
      for (const change of changes) await onChange(change, tx);
    }
    const last = fresh.at(-1);
    if (last === undefined) return;
    await tx.sql`update banyan.capture set lsn = ${last.endLsn}::pg_lsn where name = ${name}`;
  }

  async #watch({ log }: CaptureHost<Tx, Config>, slot: ReplicationSlot): Promise<void> {
    const { alarmBytes = 256 * 1024 * 1024, name } = this.#options;
    const status = await slot.status();
    if (status === undefined || status.isLost) throw lost(name, 'The replication slot is gone.');
    const isNearEnd = status.safeBytes !== null && status.safeBytes < status.heldBytes;
    if (status.heldBytes > alarmBytes || isNearEnd) {
      log.error('a capture falls behind: the server keeps its log for it', { capture: name, ...status });
    }
  }
}

/** Sorted; undefined if there is no such publication. */
async function publishedTables(sql: Sql, name: string): Promise<readonly string[] | undefined> {
  const rows = await sql<{ table: string | null }>`
    select tablename::text as table from pg_publication p left join pg_publication_tables t using (pubname)
    where p.pubname = ${name}`;
  return rows.length === 0 ? undefined : rows.map(({ table }) => table ?? '').toSorted();
}

async function identifyInFull(sql: Sql, table: string): Promise<void> {
  const [{ isFull } = { isFull: false }] = await sql<{ isFull: boolean }>`
    select relreplident = 'f' as is_full from pg_class where oid = to_regclass(${`public.${table}`})`;
  if (!isFull) await sql`alter table ${sql.identifier(`public.${table}`)} replica identity full`;
}

/** Slots belong to the whole server, so the name tells databases apart. */
function slotName(name: string, url: string): string {
  const { pathname } = new URL(url);
  const database = createHash('sha256').update(pathname).digest('hex').slice(0, 12);
  return `banyan_${name.replaceAll('-', '_')}_${database}`;
}

function toNumber(lsn: string): bigint {
  const [high = '0', low = '0'] = lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

function lost(name: string, why: string): Error {
  return postgresError('capture_lost', {
    message: `Capture '${name}': ${why} Changes are missing: remove the capture, bring its readers up to date, and start it anew.`,
  });
}
