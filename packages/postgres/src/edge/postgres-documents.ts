import { createHash } from 'node:crypto';
import { type AuditLog, createAuditLog } from '@banyan/audit';
import {
  checkChange,
  checkDocumentName,
  checkHistoryLimit,
  configErrors,
  createDocumentCell,
  type DocumentCell,
  type DocumentChange,
  type DocumentWatch,
  type RuntimeDocument,
  type RuntimeDocuments,
} from '@banyan/config';
import {
  type Clock,
  createErrorFactory,
  isServiceError,
  type Logger,
  type Sql,
  systemClock,
  uuidv7,
} from '@banyan/core';
import type { PostgresDatabase } from '../database.ts';
import type { Listener } from '../listener.ts';

export interface PostgresDocumentsOptions {
  readonly clock?: Clock;
  readonly logger: Logger;
}

/**
 * Run-time documents in the platform's database. Each change is on record in its audit log, in the same transaction. `database` needs the tables of `platformMigrations.platform` and stays open when the documents are
 * closed.
 */
export function createPostgresDocuments(
  database: PostgresDatabase,
  options: PostgresDocumentsOptions,
): RuntimeDocuments {
  return new PostgresDocuments(database, options);
}

const channel = 'banyan_documents';
/** A notification tells of a change at once; this is for those that get lost. */
const pollEveryMs = 1_000;

const documentError = createErrorFactory(configErrors);

interface DocumentRow {
  readonly name: string;
  readonly version: number;
  readonly value: unknown;
  readonly changedBy: string;
  readonly why: string;
  readonly changedAt: string;
}

class PostgresDocuments implements RuntimeDocuments {
  readonly #database: PostgresDatabase;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #audit: AuditLog;
  readonly #cells = new Map<string, DocumentCell>();
  #listener: Promise<Listener> | undefined;
  #cancelPoll = () => {};
  #reading: Promise<void> | undefined;
  #mustRead = false;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(database: PostgresDatabase, { clock = systemClock, logger }: PostgresDocumentsOptions) {
    this.#database = database;
    this.#clock = clock;
    this.#logger = logger;
    this.#audit = createAuditLog({ database, clock });
  }

  async get(name: string): Promise<RuntimeDocument | undefined> {
    checkDocumentName(name);
    const [row] = await this.#reach(
      (sql) =>
        sql<DocumentRow>`select * from banyan.documents where name = ${name} order by version desc limit 1`,
    );
    return row && toDocument(row);
  }

  async put(name: string, change: DocumentChange): Promise<RuntimeDocument> {
    checkDocumentName(name);
    const json = checkChange(change);
    const { expectedVersion, by, why } = change;
    const row = await this.#reach(() =>
      this.#database.tx(async ({ sql }) => {
        const added = await insert(sql, { name, expectedVersion, json, by, why });
        if (added !== undefined) await this.#record(sql, added, json);
        return added;
      }),
    );
    if (row === undefined) {
      const newest = await this.get(name);
      throw documentError('document_changed', { details: { version: newest?.version ?? 0 } });
    }
    const document = toDocument(row);
    this.#cells.get(name)?.set(document);
    await this.#seal();
    return document;
  }

  /** With a digest of the value, so that a history that was written anew shows. */
  #record(sql: Sql, { name, version, changedBy, why }: DocumentRow, json: string): Promise<void> {
    const sha256 = createHash('sha256').update(json).digest('hex');
    return this.#audit.append(sql, [
      {
        id: uuidv7(),
        at: new Date(this.#clock.nowMs()).toISOString(),
        action: 'changeDocument',
        outcome: 'done',
        caller: { user: { id: changedBy, scopes: [] } },
        subject: name,
        details: { version, why, sha256 },
      },
    ]);
  }

  /** Changes are rare, so whoever makes one seals it. If that fails, whoever makes the next one does. */
  async #seal(): Promise<void> {
    try {
      await this.#audit.seal();
    } catch (error) {
      this.#logger.warn('a change of a document is on record and not sealed yet', { error });
    }
  }

  async history(name: string, limit = 20): Promise<readonly RuntimeDocument[]> {
    checkDocumentName(name);
    checkHistoryLimit(limit);
    const rows = await this.#reach(
      (sql) => sql<DocumentRow>`
        select * from banyan.documents where name = ${name} order by version desc limit ${limit}`,
    );
    return rows.map(toDocument);
  }

  watch(name: string): DocumentWatch {
    checkDocumentName(name);
    if (this.#isClosed) throw documentError('documents_closed');
    let cell = this.#cells.get(name);
    if (cell === undefined) {
      cell = createDocumentCell(name, () => this.#clock.nowMs() - this.#readAtMs);
      this.#cells.set(name, cell);
      this.#listen();
      this.#readSoon();
    }
    return cell.watch();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelPoll();
    for (const cell of this.#cells.values()) cell.close();
    const listener = await this.#listener?.catch(() => undefined);
    await Promise.all([listener?.close(), this.#reading]);
  }

  async #reach<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw documentError('documents_closed');
    try {
      return await work(this.#database.sql);
    } catch (cause) {
      throw isServiceError(cause) ? documentError('documents_unavailable', { cause }) : cause;
    }
  }

  #listen(): void {
    if (this.#listener !== undefined || this.#isClosed) return;
    const listening = this.#database.listen(channel, (name) => {
      if (name === undefined || this.#cells.has(name)) this.#readSoon();
    });
    this.#listener = listening;
    listening.then(
      () => this.#readSoon(),
      (error) => {
        // The next poll tries again.
        this.#listener = undefined;
        this.#logger.debug('cannot listen to changes of documents yet', { error });
      },
    );
  }

  /** Requests that come while it reads lead to one more reading. */
  #readSoon(): void {
    if (this.#isClosed) return;
    this.#mustRead = true;
    this.#reading ??= this.#readUntilFresh().finally(() => {
      this.#reading = undefined;
    });
  }

  async #readUntilFresh(): Promise<void> {
    this.#cancelPoll();
    while (this.#mustRead && !this.#isClosed) {
      this.#mustRead = false;
      await this.#read();
    }
    if (this.#isClosed) return;
    this.#cancelPoll = this.#clock.setTimer(() => {
      this.#listen();
      this.#readSoon();
    }, pollEveryMs);
  }

  async #read(): Promise<void> {
    const cells = [...this.#cells.values()];
    const asOfMs = this.#clock.nowMs();
    try {
      const { sql } = this.#database;
      const rows = await sql<DocumentRow>`
        select newest.* from unnest(
          ${sql.array(
            cells.map(({ name }) => name),
            'text',
          )},
          ${sql.array(
            cells.map(({ version }) => version),
            'int4',
          )}
        ) as known (name, version),
        lateral (
          select * from banyan.documents where name = known.name and version > known.version
          order by version desc limit 1
        ) as newest`;
      this.#readAtMs = asOfMs;
      for (const row of rows) this.#cells.get(row.name)?.set(toDocument(row));
      for (const cell of cells) cell.settle();
    } catch (error) {
      this.#logger.debug('the documents cannot be reached; what is known stays in force', { error });
    }
  }
}

interface NewVersion {
  readonly name: string;
  readonly expectedVersion: number;
  readonly json: string;
  readonly by: string;
  readonly why: string;
}

/** Undefined if the newest version is another one. Of two that insert the same version at once, the second adds nothing. */
async function insert(
  sql: Sql,
  { name, expectedVersion, json, by, why }: NewVersion,
): Promise<DocumentRow | undefined> {
  const [row] = await sql<DocumentRow>`
    with added as (
      insert into banyan.documents (name, version, value, changed_by, why)
      select ${name}, ${expectedVersion}::int4 + 1, ${json}::json, ${by}, ${why}
      where (select coalesce(max(version), 0) from banyan.documents where name = ${name}) = ${expectedVersion}::int4
      on conflict do nothing
      returning *
    ),
    told as materialized (select pg_notify(${channel}, name) from added)
    select added.* from added, told`;
  return row;
}

function toDocument({ name, version, value, changedBy, why, changedAt }: DocumentRow): RuntimeDocument {
  return Object.freeze({ name, version, value, by: changedBy, why, at: changedAt });
}
