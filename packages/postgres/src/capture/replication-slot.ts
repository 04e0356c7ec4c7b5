import type { Sql } from '@banyan/core';
import { DatabaseError } from 'pg';

export interface SlotStatus {
  readonly slot: string;
  /** Write-ahead log that the server keeps for the capture. */
  readonly heldBytes: number;
  /** Of it, what was written since the position that the capture confirmed last. */
  readonly lagBytes: number;
  /** What may still be written before the server gives the slot up; null if it never does. */
  readonly safeBytes: number | null;
  /** The server has given the slot up: changes are missing. */
  readonly isLost: boolean;
  /** Nothing limits what the server keeps. */
  readonly isUnbounded: boolean;
}

/** A message of the output plugin. */
export interface SlotMessage {
  /** Of a logical message outside of transactions: where it ends, behind all commits whose messages came before it. */
  readonly lsn: string;
  readonly data: Uint8Array;
}

/** A logical replication slot with the output plugin `pgoutput`, used by SQL functions, so it needs no connection of its own kind. */
export interface ReplicationSlot {
  /** Also of the publication. */
  readonly name: string;
  create(): Promise<void>;
  drop(): Promise<void>;
  status(): Promise<SlotStatus | undefined>;
  /**
   * Messages of whole transactions, in the order of their commits, and logical messages of any program in this database between them, without taking them;
   * undefined while another session uses the slot.
   */
  peek(limit: number): Promise<readonly SlotMessage[] | undefined>;
  /** The server may forget everything before `lsn`. */
  advance(lsn: string): Promise<void>;
}

export function createSlot(sql: Sql, name: string): ReplicationSlot {
  return new DatabaseSlot(sql, name);
}

const objectInUse = '55006';
/** Of changes to other tables and databases, which also hold the log back. */
const idleAdvanceBytes = 4 * 1024 * 1024;

class DatabaseSlot implements ReplicationSlot {
  readonly name: string;
  readonly #sql: Sql;

  constructor(sql: Sql, name: string) {
    this.#sql = sql;
    this.name = name;
  }

  async create(): Promise<void> {
    await this.#sql`select pg_create_logical_replication_slot(${this.name}, 'pgoutput')`;
  }

  async drop(): Promise<void> {
    await this.#sql`
      select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${this.name}`;
  }

  async status(): Promise<SlotStatus | undefined> {
    const [status] = await this.#sql<SlotStatus>`
      select slot_name::text as slot, coalesce(wal_status, 'lost') = 'lost' as is_lost, safe_wal_size as safe_bytes,
        coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::int8 as held_bytes,
        coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), 0)::int8 as lag_bytes,
        current_setting('max_slot_wal_keep_size') = '-1' as is_unbounded
      from pg_replication_slots where slot_name = ${this.name}`;
    return status;
  }

  async peek(limit: number): Promise<readonly SlotMessage[] | undefined> {
    const sql = this.#sql;
    try {
      const [now] = await sql<{ lsn: string; passedBytes: number }>`
        select pg_current_wal_flush_lsn()::text as lsn,
          pg_wal_lsn_diff(pg_current_wal_flush_lsn(), confirmed_flush_lsn)::int8 as passed_bytes
        from pg_replication_slots where slot_name = ${this.name}`;
      const messages = await sql<SlotMessage>`
        select lsn::text as lsn, data from pg_logical_slot_peek_binary_changes(
          ${this.name}, ${now?.lsn ?? null}::pg_lsn, ${limit}::int4, 'proto_version', '1', 'publication_names', ${this.name},
          'messages', 'true'
        )`;
      // Nothing up to here was ours.
      if (messages.length === 0 && now !== undefined && now.passedBytes > idleAdvanceBytes)
        await this.advance(now.lsn);
      return messages;
    } catch (error) {
      if (isInUse(error)) return undefined;
      throw error;
    }
  }

  async advance(lsn: string): Promise<void> {
    try {
      await this.#sql`select pg_replication_slot_advance(${this.name}, ${lsn}::pg_lsn)`;
    } catch (error) {
      // Whoever uses it now moves it on, or has done so already: a slot refuses to go back.
      if (!isInUse(error) && !(await this.#isPast(lsn))) throw error;
    }
  }

  async #isPast(lsn: string): Promise<boolean> {
    const rows = await this.#sql`
      select from pg_replication_slots where slot_name = ${this.name} and confirmed_flush_lsn >= ${lsn}::pg_lsn`;
    return rows.length > 0;
  }
}

function isInUse(error: unknown): boolean {
  const origins = [error, error instanceof Error ? error.cause : undefined];
  return origins.some((origin) => origin instanceof DatabaseError && origin.code === objectInUse);
}
