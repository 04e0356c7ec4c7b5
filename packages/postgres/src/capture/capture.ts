import { createHash } from 'node:crypto';
import {
  type Caller,
  type CausedTransactionOptions,
  isServiceError,
  type Logger,
  type Sql,
  sleep,
  systemClock,
} from '@banyan/core';
import { createMetrics, type Metrics } from '@banyan/telemetry';
import { createDatabase } from '../database.ts';
import { postgresError } from '../errors.ts';
import { type CaptureMetrics, createCaptureMetrics } from './capture-metrics.ts';
import { type CapturedTransaction, createPgoutputReader, type RowChange } from './pgoutput.ts';
import { createSlot, type ReplicationSlot, type SlotMessage, type SlotStatus } from './replication-slot.ts';

export interface CaptureOptions<Tx extends { readonly sql: Sql }, Config = unknown> {
  /** Of the capture within the service, kebab-case: its position is remembered under it. */
  readonly name: string;
  /** Tables of the service's schema `public`. Their `replica identity` becomes `full`, so that old values are known. */
  readonly tables: readonly string[];
  /**
   * The service's own database as a role that may use replication slots. Default, and if it is undefined: as the service's own role, which may do so on the
   * embedded server.
   */
  readonly url?: string | ((config: Config) => string | undefined);
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
  /** Is told the traces of what it handles: the context of a background task makes itself a part of them. */
  tx<Result>(
    work: (tx: Tx) => Promise<Result>,
    options?: Pick<CausedTransactionOptions, 'causes'>,
  ): Promise<Result>;
  readonly config: Config;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Default: nobody sees the figures. */
  readonly processMetrics?: Metrics;
  /** Whose task it is, for the figures. */
  readonly caller?: Caller;
}

/**
 * Captures changes that were made by plain SQL, whoever made them (change data capture by logical decoding). A replication slot keeps the
 * write-ahead log until it is captured, and nothing that was committed since the slot was made is missed, told twice, or told
 * although it was rolled back. Truncates are not told of.
 */
export interface Capture<Tx extends { readonly sql: Sql }, Config = unknown> {
  /**
   * The background task. Of several instances one captures at a time. `banyan up` knows by it that the embedded server must write what captures need, so
   * give it to `background` as it is.
   * @throws ServiceError `data_loss` `capture_lost`; `failed_precondition` `capture_unavailable`; `permission_denied` `database_permission`
   */
  readonly run: (host: CaptureHost<Tx, Config>) => Promise<void>;
  /** Undefined before the first run. */
  status(host: Pick<CaptureHost<Tx, Config>, 'sql' | 'config'>): Promise<SlotStatus | undefined>;
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

const mark = Symbol.for('banyan.capture');

/** True for the `run` of a capture. */
export function isCapture(task: unknown): boolean {
  return typeof task === 'function' && mark in task;
}

/** Changes in one decoding; a transaction is never split, so a large one makes it more. */
const batchChanges = 1_000;
const watchEveryMs = 10_000;

class SlotCapture<Tx extends { readonly sql: Sql }, Config> implements Capture<Tx, Config> {
  readonly #options: CaptureOptions<Tx, Config>;

  constructor(options: CaptureOptions<Tx, Config>) {
    this.#options = options;
  }

  readonly run = Object.assign(
    (host: CaptureHost<Tx, Config>) => this.#withSlot(host, (slot) => this.#run(host, slot)),
    { [mark]: true },
  );

  status(host: Pick<CaptureHost<Tx, Config>, 'sql' | 'config'>): Promise<SlotStatus | undefined> {
    return this.#withSlot(host, (slot) => slot.status());
  }

  async remove(host: Pick<CaptureHost<Tx, Config>, 'sql' | 'config'>): Promise<void> {
    const { sql } = host;
    await this.#withSlot(host, async (slot) => {
      await slot.drop();
      await sql`drop publication if exists ${sql.identifier(slot.name)}`;
      await sql`delete from banyan.capture where name = ${this.#options.name}`;
    });
  }

  async #run(host: CaptureHost<Tx, Config>, slot: ReplicationSlot): Promise<void> {
    const figures = this.#figures(host);
    await this.#prepare(host, slot);
    const { intervalMs = 100 } = this.#options;
    for (let watchedMs = Number.NEGATIVE_INFINITY; !host.signal.aborted; ) {
      if (systemClock.nowMs() - watchedMs > watchEveryMs) {
        watchedMs = systemClock.nowMs();
        await this.#watch(host, slot, figures);
      }
      const told = await this.#step(host, slot, figures);
      if (!told) await sleep(intervalMs, systemClock, host.signal).catch(() => {});
    }
    figures.end();
  }

  #figures({ processMetrics: metrics = createMetrics(), caller }: CaptureHost<Tx, Config>): CaptureMetrics {
    const service = caller?.service ?? '';
    return createCaptureMetrics({ metrics, service, capture: this.#options.name, nowMs: systemClock.nowMs });
  }

  async #withSlot<Result>(
    { sql, config }: Pick<CaptureHost<Tx, Config>, 'sql' | 'config'>,
    work: (slot: ReplicationSlot) => Promise<Result>,
  ): Promise<Result> {
    const { url: given, name } = this.#options;
    const url = typeof given === 'function' ? given(config) : given;
    const [{ database } = { database: '' }] = await sql<{ database: string }>`
      select current_database()::text as database`;
    const slot = slotName(name, database);
    if (url === undefined)
      return work(createSlot(sql, slot)).catch((error) => Promise.reject(needsRole(error)));
    const other = createDatabase({ url, maxConnections: 2, applicationName: 'banyan-capture' });
    try {
      return await work(createSlot(other.sql, slot));
    } finally {
      await other.close();
    }
  }

  /** The publication first: what is decoded later must have seen it. */
  async #prepare({ sql, log }: CaptureHost<Tx, Config>, slot: ReplicationSlot): Promise<void> {
    const { tables, name } = this.#options;
    const [{ level } = { level: '' }] = await sql<{
      level: string;
    }>`select current_setting('wal_level') as level`;
    if (level !== 'logical') throw postgresError('capture_unavailable');
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
  async #step(
    host: CaptureHost<Tx, Config>,
    slot: ReplicationSlot,
    figures: CaptureMetrics,
  ): Promise<boolean> {
    const messages = await slot.peek(batchChanges);
    if (messages === undefined) return false;
    const reader = createPgoutputReader();
    const transactions = messages
      .map(({ data }) => reader.read(data))
      .filter((transaction) => transaction !== undefined);
    const last = transactions.at(-1);
    // Those that only name their trace, or truncate, are as if they were not.
    const changing = transactions.filter(({ changes }) => changes.length > 0);
    figures.waiting(changing[0]);
    if (last === undefined) return passOver(slot, messages);
    const groups = groupByTrace(changing);
    for (const group of groups.length <= maxTraces ? groups : [changing]) {
      const causes = group.map(({ traceparent }) => traceparent);
      figures.confirmed(await host.tx((tx) => this.#tell(tx, group), { causes }));
    }
    // If this is not reached, the same comes again and is known by its position.
    await slot.advance(last.endLsn);
    return true;
  }

  async #tell(tx: Tx, transactions: readonly CapturedTransaction[]): Promise<readonly CapturedTransaction[]> {
    const { name, onChange } = this.#options;
    const [saved] = await tx.sql<{ lsn: string }>`
      select lsn::text as lsn from banyan.capture where name = ${name} for update`;
    const fresh = transactions.filter(({ endLsn }) => toNumber(endLsn) > toNumber(saved?.lsn ?? '0/0'));
    for (const { changes } of fresh) {
      for (const change of changes) await onChange(change, tx);
    }
    const last = fresh.at(-1);
    if (last !== undefined)
      await tx.sql`update banyan.capture set lsn = ${last.endLsn}::pg_lsn where name = ${name}`;
    return fresh;
  }

  async #watch(
    { log }: CaptureHost<Tx, Config>,
    slot: ReplicationSlot,
    figures: CaptureMetrics,
  ): Promise<void> {
    const { alarmBytes = 256 * 1024 * 1024, name } = this.#options;
    const status = await slot.status();
    if (status === undefined || status.isLost) throw lost(name, 'The replication slot is gone.');
    figures.standing(status);
    const isNearEnd = status.safeBytes !== null && status.safeBytes < status.heldBytes;
    if (status.heldBytes > alarmBytes || isNearEnd) {
      log.error('a capture falls behind: the server keeps its log for it', { capture: name, ...status });
    }
  }
}

/**
 * Moves the slot past what others wrote outside of transactions: it fills decodings and holds log as changes do. Transactions that are still open are
 * committed behind it, so nothing of them is lost. Resolves with whether there may be more right away.
 */
async function passOver(slot: ReplicationSlot, messages: readonly SlotMessage[]): Promise<boolean> {
  const last = messages.at(-1);
  if (last !== undefined) await slot.advance(last.lsn);
  return messages.length >= batchChanges;
}

/** More than that at once is a capture that catches up: what they tell is told together. */
const maxTraces = 16;

/** Neighbours of one trace are told of together, so that what they emit is in it. */
function groupByTrace(
  transactions: readonly CapturedTransaction[],
): readonly (readonly CapturedTransaction[])[] {
  const groups: CapturedTransaction[][] = [];
  for (const transaction of transactions) {
    const group = groups.at(-1);
    if (group !== undefined && group[0]?.traceparent === transaction.traceparent) group.push(transaction);
    else groups.push([transaction]);
  }
  return groups;
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
function slotName(name: string, database: string): string {
  const short = createHash('sha256').update(`/${database}`).digest('hex').slice(0, 12);
  return `banyan_${name.replaceAll('-', '_')}_${short}`;
}

/** Without an address of its own the capture works as the service's role. */
function needsRole(error: unknown): unknown {
  if (!isServiceError(error) || error.reason !== 'database_permission') return error;
  return postgresError('database_permission', {
    message:
      "The service's role may not use replication slots. Give the capture the 'url' of one that may: alter role NAME replication.",
    cause: error,
  });
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
