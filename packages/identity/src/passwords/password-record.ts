import type { Sql } from '@banyan/banyan';
import type { KeyRing } from '../keys/key-ring.ts';

/** What is stored of a password. */
export interface PasswordRecord {
  readonly accountId: string;
  /** Null if the password was removed. */
  readonly hash: string | null;
  /** Name of the secret that peppers the hash. */
  readonly pepperKey: string;
  /** 1 for the first password of an account, one more with every other. */
  readonly revision: number;
  readonly seal: string;
}

export function sealRecord(record: Omit<PasswordRecord, 'seal'>, ring: KeyRing): PasswordRecord {
  return { ...record, seal: ring.mac(sealedText(record), 'password record') };
}

/** False if anybody without the key wrote the record, or a part of it. */
export function isIntact(record: PasswordRecord, ring: KeyRing): boolean {
  return ring.macHolds(record.seal, sealedText(record), 'password record');
}

export async function readRecord(sql: Sql, accountId: string): Promise<PasswordRecord | undefined> {
  const [record] = await sql<PasswordRecord>`
    select account_id, hash, pepper_key, revision, seal from passwords where account_id = ${accountId}`;
  return record;
}

/** Stores a record over whatever there is. */
export async function writeRecord(sql: Sql, { accountId, hash, pepperKey, revision, seal }: PasswordRecord) {
  await sql`
    insert into passwords (account_id, hash, pepper_key, revision, seal)
    values (${accountId}, ${hash}, ${pepperKey}, ${revision}, ${seal})
    on conflict (account_id) do update
      set hash = excluded.hash, pepper_key = excluded.pepper_key, revision = excluded.revision, seal = excluded.seal`;
}

/** Stores a record if the present one still is the one that `seal` belongs to. @returns false if it is not */
export async function replaceRecord(sql: Sql, record: PasswordRecord, seal: string): Promise<boolean> {
  const { accountId, hash, pepperKey, revision } = record;
  const replaced = await sql`
    update passwords set hash = ${hash}, pepper_key = ${pepperKey}, revision = ${revision}, seal = ${record.seal}
    where account_id = ${accountId} and seal = ${seal}
    returning account_id`;
  return replaced.length > 0;
}

function sealedText({ accountId, hash, pepperKey, revision }: Omit<PasswordRecord, 'seal'>): string {
  return JSON.stringify([accountId, hash, pepperKey, revision]);
}
