import { join } from 'node:path';
import type { KeyKeeper } from '../keys/open-key-ring.ts';
import { keyRingOf } from '../keys/open-key-ring.ts';
import { backupsIn, readBackup, writeBackup } from './password-backup.ts';
import { isIntact, type PasswordRecord, readRecord, writeRecord } from './password-record.ts';

/** Looking after the store of passwords: back-ups, integrity, repair. */
export interface PasswordCare extends KeyKeeper {
  readonly config: KeyKeeper['config'] & { readonly backupFolder?: string | undefined };
}

const pageSize = 1_000;

export async function backUp(care: PasswordCare) {
  return writeBackup(folderOf(care), await keyRingOf(care), allRecords(care));
}

/** Newest first. */
export async function listBackups(care: PasswordCare) {
  return backupsIn(folderOf(care));
}

/** Puts every record of a backup back. @returns how many */
export async function restore(care: PasswordCare, backupId: string): Promise<number> {
  const ring = await keyRingOf(care);
  let restored = 0;
  for await (const page of readBackup(folderOf(care), ring, backupId)) {
    for (const record of page) await writeRecord(care.sql, record);
    restored += page.length;
  }
  return restored;
}

export interface IntegrityReport {
  readonly checked: number;
  readonly damaged: string[];
  readonly missing: string[];
}

export async function checkIntegrity(care: PasswordCare): Promise<IntegrityReport> {
  const ring = await keyRingOf(care);
  let checked = 0;
  const damaged: string[] = [];
  for await (const page of allRecords(care)) {
    checked += page.length;
    for (const record of page) if (!isIntact(record, ring)) damaged.push(record.accountId);
  }
  const missing: string[] = [];
  for await (const { accountId } of newestBackupRecords(care)) {
    if ((await readRecord(care.sql, accountId)) === undefined) missing.push(accountId);
  }
  return { checked, damaged, missing };
}

/**
 * Puts damaged and missing records back from the newest backup. A damaged record whose revision is past that of the backup is left alone:
 * its owner has another password since, and the old one may have been given up because somebody else knows it.
 */
export async function repair(care: PasswordCare) {
  const { damaged, missing } = await checkIntegrity(care);
  const left = new Set([...damaged, ...missing]);
  const repaired: string[] = [];
  for await (const record of newestBackupRecords(care)) {
    if (!left.has(record.accountId)) continue;
    const present = await readRecord(care.sql, record.accountId);
    if (present !== undefined && present.revision > record.revision) continue;
    await writeRecord(care.sql, record);
    left.delete(record.accountId);
    repaired.push(record.accountId);
  }
  return { repaired, needRecovery: [...left] };
}

async function* newestBackupRecords(care: PasswordCare): AsyncIterable<PasswordRecord> {
  const [newest] = await listBackups(care);
  if (newest === undefined) return;
  for await (const page of readBackup(folderOf(care), await keyRingOf(care), newest.backupId)) yield* page;
}

async function* allRecords({ sql }: PasswordCare): AsyncIterable<readonly PasswordRecord[]> {
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const page = await sql<PasswordRecord>`
      select account_id, hash, pepper_key, revision, seal from passwords
      where account_id > ${after} order by account_id limit ${pageSize}`;
    if (page.length > 0) yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = last.accountId;
  }
}

function folderOf({ config, dataFolder }: PasswordCare): string {
  return config.backupFolder ?? join(dataFolder, 'backups');
}
