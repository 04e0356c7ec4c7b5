import type { Clock, Logger } from '@banyan/core';
import { literal, type PostgresDatabase } from '@banyan/postgres';
import { pruneRows } from './prune.ts';

/** Tables whose partitions are dropped together. */
export const chunkedTables = ['span_pages', 'trace_parts', 'log_pages', 'traffic', 'points'] as const;

/** A bound is broken by at most one part of these, and that for a moment only. */
const parts = 16;

export interface Bounds {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

export interface ChunksOptions extends Bounds {
  readonly database: PostgresDatabase;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onDropped: () => void;
}

interface ChunkRow {
  readonly chunk: number;
  readonly openedAt: string;
  readonly closedAt: string | null;
}

/** The partitions: opens a new one when the newest is old or large enough, and drops the oldest ones that break a bound. */
export class Chunks {
  readonly #options: ChunksOptions;
  #current: number | undefined;
  #bytes = 0;
  #droppedBytes = 0;

  constructor(options: ChunksOptions) {
    this.#options = options;
  }

  /** Bytes of all of them when last looked at. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of those that were dropped because of a bound, since the start. */
  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  /** What is written now goes there. */
  async current(): Promise<number> {
    this.#current ??= (await this.#list()).findLast(({ closedAt }) => closedAt === null)?.chunk;
    this.#current ??= await this.#open();
    return this.#current;
  }

  /** Keeps the bounds. */
  async keep(): Promise<void> {
    const { database, clock, maxBytes, maxAgeMs } = this.#options;
    const sizes = await this.#sizes();
    const chunks = await this.#list();
    const newest = chunks.at(-1);
    if (newest !== undefined && newest.closedAt === null) {
      const ageMs = clock.nowMs() - Date.parse(newest.openedAt);
      if ((sizes.get(newest.chunk) ?? 0) > maxBytes / parts || ageMs > maxAgeMs / parts) await this.#open();
    }
    let total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
    for (const { chunk, closedAt } of chunks.slice(0, -1)) {
      const isOld = closedAt !== null && clock.nowMs() - Date.parse(closedAt) > maxAgeMs;
      if (!isOld && total <= maxBytes) break;
      await this.#drop(chunk);
      const bytes = sizes.get(chunk) ?? 0;
      total -= bytes;
      this.#droppedBytes += bytes;
    }
    this.#bytes = total;
    await pruneRows(database.sql, clock.nowMs());
  }

  async keptSince(): Promise<string | undefined> {
    return (await this.#list())[0]?.openedAt;
  }

  #list(): Promise<ChunkRow[]> {
    return this.#options.database.sql<ChunkRow>`
      select chunk, opened_at, closed_at from telemetry.chunks order by chunk`;
  }

  async #open(): Promise<number> {
    const { database, clock } = this.#options;
    const now = new Date(clock.nowMs()).toISOString();
    const chunk = await database.tx(async ({ sql }) => {
      await sql`update telemetry.chunks set closed_at = ${now} where closed_at is null`;
      const [opened] = await sql<{ chunk: number }>`
        insert into telemetry.chunks (opened_at) values (${now}) returning chunk`;
      const number = opened?.chunk ?? 0;
      for (const table of chunkedTables) {
        await sql`create table ${sql.identifier(`telemetry.${table}_${number}`)}
          partition of ${sql.identifier(`telemetry.${table}`)} for values in (${literal(String(number))})`;
      }
      return number;
    });
    this.#current = chunk;
    return chunk;
  }

  async #drop(chunk: number): Promise<void> {
    const { database, logger, onDropped } = this.#options;
    await database.tx(async ({ sql }) => {
      for (const table of chunkedTables)
        await sql`drop table if exists ${sql.identifier(`telemetry.${table}_${chunk}`)}`;
      await sql`delete from telemetry.chunks where chunk = ${chunk}`;
    });
    onDropped();
    logger.debug('telemetry of one part was dropped', { chunk });
  }

  async #sizes(): Promise<ReadonlyMap<number, number>> {
    const rows = await this.#options.database.sql<{ chunk: number; bytes: number }>`
      select substring(c.relname from '_([0-9]+)$')::int as chunk, sum(pg_total_relation_size(c.oid))::int8 as bytes
      from pg_class c join pg_inherits i on i.inhrelid = c.oid join pg_class p on p.oid = i.inhparent
      where p.relnamespace = 'telemetry'::regnamespace and c.relkind = 'r'
      group by 1`;
    return new Map(rows.map(({ chunk, bytes }) => [chunk, bytes]));
  }
}
