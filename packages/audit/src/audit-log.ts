import type { Clock, Database, Sql } from '@banyan/core';
import {
  type AuditOutcome,
  type AuditRecord,
  decodeRecord,
  encodeRecord,
  type NewAuditRecord,
} from './audit-record.ts';
import { hashOf, noSeal, type Seal, type StoredRecord } from './seal.ts';

export interface AuditSearch {
  readonly action?: string;
  readonly outcome?: AuditOutcome;
  readonly user?: string;
  readonly subject?: string;
  /** RFC 3339 UTC; this moment or later. */
  readonly since?: string;
  /** RFC 3339 UTC; before this moment. */
  readonly until?: string;
  /** Id of the last record of the page before. */
  readonly after?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

/** What `verify` has found wrong, the earliest first. */
export interface AuditFinding {
  /** Of the seal that is broken or missing; undefined for records that no seal has. */
  readonly seal?: number;
  readonly problem: string;
}

export interface AuditVerdict {
  readonly seals: number;
  readonly records: number;
  /** Records that are too new to be sealed. */
  readonly unsealed: number;
  /** Number and hash of the last seal. Kept elsewhere, it shows later that nothing was cut off the end. */
  readonly head: Pick<Seal, 'number' | 'hash'>;
  readonly findings: readonly AuditFinding[];
}

/** The audit log of one service, in its database. Records can be neither changed nor deleted; whoever can nevertheless breaks the chain of seals. */
export interface AuditLog {
  /** Records what the open transaction does: on record if, and only if, it commits. @throws ServiceError `invalid_argument` `invalid_audit_record` */
  append(sql: Sql, records: readonly NewAuditRecord[]): Promise<void>;
  /** In a transaction of its own: what was done elsewhere. @throws as `append` */
  record(records: readonly NewAuditRecord[]): Promise<void>;
  /** Newest first. */
  list(search: AuditSearch): Promise<readonly AuditRecord[]>;
  /** Seals up to 1,000 records that are committed and have no seal. One process at a time; undefined if there were none, or another one is at it. */
  seal(): Promise<Seal | undefined>;
  /** Reads everything again. `expected` is a head that was kept elsewhere. */
  verify(expected?: Pick<Seal, 'number' | 'hash'>): Promise<AuditVerdict>;
}

export function createAuditLog(options: { readonly database: Database; readonly clock: Clock }): AuditLog {
  return new PostgresAuditLog(options.database, options.clock);
}

const sealStep = 1_000;
const verifyStep = 100;
/** First half of the two-part advisory lock keys, so that ours meet nobody else's. */
const lockSpace = 0x62_6e_73; // 'bns'

class PostgresAuditLog implements AuditLog {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async append(sql: Sql, records: readonly NewAuditRecord[]): Promise<void> {
    const texts = sql.array(records.map(encodeRecord), 'text');
    await sql`
      with appended as (insert into banyan.audit (record) select * from unnest(${texts}) returning seq)
      insert into banyan.audit_unsealed (seq) select seq from appended`;
  }

  record(records: readonly NewAuditRecord[]): Promise<void> {
    return this.append(this.#database.sql, records);
  }

  async list(search: AuditSearch): Promise<readonly AuditRecord[]> {
    const { action, outcome, user, subject, since, until, after, limit } = search;
    const { sql } = this.#database;
    // Only what is asked for, so that an index can serve it.
    let isWanted = sql`true`;
    if (action !== undefined) isWanted = sql`${isWanted} and action = ${action}`;
    if (outcome !== undefined) isWanted = sql`${isWanted} and outcome = ${outcome}`;
    if (user !== undefined) isWanted = sql`${isWanted} and user_id = ${user}`;
    if (subject !== undefined) isWanted = sql`${isWanted} and subject = ${subject}`;
    if (since !== undefined) isWanted = sql`${isWanted} and at >= ${since}`;
    if (until !== undefined) isWanted = sql`${isWanted} and at < ${until}`;
    if (after !== undefined)
      isWanted = sql`${isWanted} and seq < (select seq from banyan.audit where id = ${after})`;
    const rows = await sql<{ record: string }>`
      select record from banyan.audit where ${isWanted} order by seq desc limit ${Math.min(limit, 1_000)}`;
    return rows.map(({ record }) => decodeRecord(record));
  }

  seal(): Promise<Seal | undefined> {
    return this.#database.tx(async ({ sql }) => {
      const [turn] = await sql<{ isOurs: boolean }>`
        select pg_try_advisory_xact_lock(${lockSpace}::int4, 0) as is_ours`;
      if (!turn?.isOurs) return undefined;
      const records = await sql<StoredRecord>`
        with taken as (
          delete from banyan.audit_unsealed
          where seq in (select seq from banyan.audit_unsealed order by seq limit ${sealStep}) returning seq
        )
        select seq::float8 as seq, record from banyan.audit join taken using (seq) order by seq`;
      if (records.length === 0) return undefined;
      const [before = noSeal] = await sql<Pick<Seal, 'number' | 'hash'>>`
        select number::float8 as number, hash from banyan.audit_seal order by banyan.audit_seal.number desc limit 1`;
      const next = { number: before.number + 1, sealedAt: new Date(this.#clock.nowMs()).toISOString() };
      const seal = { ...next, seqs: records.map(({ seq }) => seq), hash: hashOf(before, next, records) };
      await sql`
        insert into banyan.audit_seal (number, sealed_at, seqs, hash)
        values (${seal.number}, ${seal.sealedAt}, ${sql.array(seal.seqs.map(String), 'int8')}, ${seal.hash})`;
      return seal;
    });
  }

  verify(expected?: Pick<Seal, 'number' | 'hash'>): Promise<AuditVerdict> {
    // One snapshot, so that what is sealed meanwhile is not missed in one place and found in another.
    return this.#database.tx((transaction) => new Verification(transaction.sql, expected).run(), {
      isolation: 'repeatable read',
      readOnly: true,
    });
  }
}

/** One reading of the whole log. */
class Verification {
  readonly #sql: Sql;
  readonly #expected: Pick<Seal, 'number' | 'hash'> | undefined;
  readonly #findings: AuditFinding[] = [];
  #before: Pick<Seal, 'number' | 'hash'> = noSeal;
  #records = 0;

  constructor(sql: Sql, expected: Pick<Seal, 'number' | 'hash'> | undefined) {
    this.#sql = sql;
    this.#expected = expected;
  }

  async run(): Promise<AuditVerdict> {
    for (let page = await this.#seals(); page.length > 0; page = await this.#seals()) {
      for (const seal of page) await this.#check(seal);
    }
    const unsealed = await this.#checkUnsealed();
    const { number } = this.#before;
    if (this.#expected !== undefined && this.#expected.number > number) {
      this.#found(number + 1, `missing, like all up to ${this.#expected.number}: the end was cut off`);
    }
    const findings = this.#findings;
    return { seals: number, records: this.#records + unsealed, unsealed, head: this.#before, findings };
  }

  #seals(): Promise<(Omit<Seal, 'seqs'> & { readonly seqs: readonly string[] })[]> {
    return this.#sql`
      select number::float8 as number, sealed_at, seqs::text[] as seqs, hash from banyan.audit_seal as seal
      where seal.number > ${this.#before.number} order by seal.number limit ${verifyStep}`;
  }

  async #check(seal: Omit<Seal, 'seqs'> & { readonly seqs: readonly string[] }): Promise<void> {
    const { number, sealedAt, seqs, hash } = seal;
    if (number !== this.#before.number + 1) this.#found(this.#before.number + 1, 'missing');
    const rows = await this.#sql<StoredRecord>`
      select seq::float8 as seq, record from banyan.audit where seq = any (${this.#sql.array([...seqs], 'int8')}) order by seq`;
    this.#records += rows.length;
    if (rows.length !== seqs.length)
      this.#found(number, `${seqs.length - rows.length} of its records are gone`);
    else if (hashOf(this.#before, { number, sealedAt }, rows) !== hash) {
      this.#found(number, 'does not fit its records and the seal before it: something was changed');
    }
    const expected = this.#expected;
    if (expected?.number === number && expected.hash !== hash)
      this.#found(number, 'not the one that was kept elsewhere');
    this.#before = { number, hash };
  }

  /** A record that is neither sealed nor waits for it was put in by hand. */
  async #checkUnsealed(): Promise<number> {
    const [counts = { all: 0, unsealed: 0 }] = await this.#sql<{ all: number; unsealed: number }>`
      select (select count(*) from banyan.audit)::float8 as "all",
        (select count(*) from banyan.audit_unsealed join banyan.audit using (seq))::float8 as unsealed`;
    const extra = counts.all - counts.unsealed - this.#records;
    if (extra > 0) this.#findings.push({ problem: `${extra} records have no seal and do not wait for one` });
    return counts.unsealed;
  }

  #found(seal: number, problem: string): void {
    this.#findings.push({ seal, problem });
  }
}
