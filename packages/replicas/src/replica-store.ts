import type { Sql } from '@banyan/core';
import type { Change } from './replica-contract.ts';

/** A key as one replica has it. */
export interface Entry<Value> {
  readonly key: string;
  readonly value: Value | undefined;
  readonly version: number;
  readonly origin: string;
}

export interface PendingChange {
  readonly origin: string;
  readonly seq: number;
  readonly key: string;
  /** Peers that have not applied it yet. */
  readonly waiting: readonly string[];
  readonly ageMs: number;
}

interface EntryRow<Value> {
  readonly key: string;
  readonly value: Value | null;
  readonly version: number;
  readonly origin: string;
}

/** The tables of one replica; every method works in the transaction of `sql`. */
export function createReplicaStore<Value>(replica: string) {
  const toEntry = ({ value, ...row }: EntryRow<Value>): Entry<Value> => ({
    ...row,
    value: value ?? undefined,
  });
  return {
    /** The next own number, and a version above all that were seen. The row's lock makes own changes take turns. */
    async tick(sql: Sql): Promise<{ readonly seq: number; readonly version: number }> {
      const [row] = await sql<{ seq: number; version: number }>`
        insert into banyan.replica_clock as c (replica, version, seq) values (${replica}, 1, 1)
        on conflict (replica) do update set version = c.version + 1, seq = c.seq + 1
        returning seq, version`;
      return row as { seq: number; version: number };
    },
    async witness(sql: Sql, version: number): Promise<void> {
      await sql`
        insert into banyan.replica_clock as c (replica, version, seq) values (${replica}, ${version}::int8, 0)
        on conflict (replica) do update set version = greatest(c.version, excluded.version)`;
    },
    async head(sql: Sql): Promise<number> {
      const [row] = await sql<{
        seq: number;
      }>`select seq from banyan.replica_clock where replica = ${replica}`;
      return row?.seq ?? 0;
    },
    async find(sql: Sql, key: string): Promise<Entry<Value> | undefined> {
      const [row] = await sql<EntryRow<Value>>`
        select key, value, version, origin from banyan.replica_value
        where replica = ${replica} and key = ${key} for update`;
      return row === undefined ? undefined : toEntry(row);
    },
    async page(sql: Sql, after: string, limit: number): Promise<readonly Entry<Value>[]> {
      const rows = await sql<EntryRow<Value>>`
        select key, value, version, origin from banyan.replica_value
        where replica = ${replica} and key > ${after} collate "C" order by key collate "C" limit ${limit}`;
      return rows.map(toEntry);
    },
    async put(sql: Sql, { key, value, version, origin }: Omit<Change<Value>, 'seq'>): Promise<void> {
      const text = value === undefined ? null : JSON.stringify(value);
      await sql`
        insert into banyan.replica_value (replica, key, value, version, origin)
        values (${replica}, ${key}, ${text}::json, ${version}::int8, ${origin})
        on conflict (replica, key) do update set
          value = excluded.value, version = excluded.version, origin = excluded.origin`;
    },
    async remember(sql: Sql, { seq, key, version }: Change<Value>, peers: readonly string[]): Promise<void> {
      await sql`
        insert into banyan.replica_pending (replica, seq, key, version, waiting)
        values (${replica}, ${seq}::int8, ${key}, ${version}::int8, ${sql.array(peers, 'text')})`;
    },
    /** A peer has applied an own change; the last one takes it off the log. */
    async acknowledge(sql: Sql, seq: number, peer: string): Promise<void> {
      await sql`
        update banyan.replica_pending set waiting = array_remove(waiting, ${peer})
        where replica = ${replica} and seq = ${seq}::int8`;
      await sql`
        delete from banyan.replica_pending where replica = ${replica} and seq = ${seq}::int8 and waiting = '{}'`;
    },
    async pending(sql: Sql): Promise<readonly PendingChange[]> {
      return sql<PendingChange>`
        select ${replica} as origin, seq, key, waiting,
          (extract(epoch from clock_timestamp() - written_at) * 1000)::float8 as age_ms
        from banyan.replica_pending where replica = ${replica} order by seq`;
    },
    async applied(sql: Sql, peer: string): Promise<{ readonly seq: number; readonly caughtUp: boolean }> {
      const [row] = await sql<{ seq: number; caughtUp: boolean }>`
        select seq, caught_up from banyan.replica_applied where replica = ${replica} and peer = ${peer}`;
      return row ?? { seq: 0, caughtUp: false };
    },
    /** Moves on by one. False, and nothing changed, unless `seq` is the very next change of the peer. */
    async advance(sql: Sql, peer: string, seq: number): Promise<boolean> {
      const moved = await sql`
        insert into banyan.replica_applied as a (replica, peer, seq)
        select ${replica}, ${peer}, ${seq}::int8
        where ${seq}::int8 = 1 or exists (select from banyan.replica_applied where replica = ${replica} and peer = ${peer})
        on conflict (replica, peer) do update set seq = excluded.seq where a.seq = excluded.seq - 1
        returning 1`;
      return moved.length === 1;
    },
    async markCaughtUp(sql: Sql, peer: string): Promise<void> {
      await sql`
        insert into banyan.replica_applied (replica, peer, seq, caught_up) values (${replica}, ${peer}, 0, true)
        on conflict (replica, peer) do update set caught_up = true`;
    },
  };
}

export type ReplicaStore<Value> = ReturnType<typeof createReplicaStore<Value>>;
