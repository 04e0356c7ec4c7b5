import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isServiceError, ServiceError } from '@banyan/banyan';
import type { KeyRing } from '../keys/key-ring.ts';
import type { PasswordRecord } from './password-record.ts';

/*
 * A backup is a file of sealed lines: pages of records, then one line that says how many pages there were. A line that is damaged, missing
 * or in another place does not open.
 */

const ending = '.backup';
/** As writeBackup names them. */
const named = /^\d{17}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.backup$/;
type Line = readonly PasswordRecord[] | { readonly pages: number };

/** Writes the pages to a new backup; it appears under its name once it is on disk as a whole. */
export async function writeBackup(
  folder: string,
  ring: KeyRing,
  pages: AsyncIterable<readonly PasswordRecord[]>,
): Promise<{ readonly backupId: string; readonly records: number }> {
  // The time comes first, so that the newest one is the last by name.
  const backupId = `${new Date().toISOString().replaceAll(/[^0-9]/g, '')}-${randomUUID()}`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = join(folder, `${backupId}.draft`);
  const file = await open(draft, 'wx', 0o600);
  let records = 0;
  try {
    let index = 0;
    const write = (line: Line) =>
      file.write(`${ring.seal(JSON.stringify(line), `${backupId} ${index++}`)}\n`);
    for await (const page of pages) {
      await write(page);
      records += page.length;
    }
    await write({ pages: index });
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, join(folder, `${backupId}${ending}`));
  return { backupId, records };
}

export interface Backup {
  readonly backupId: string;
  readonly bytes: number;
}

/** The backups in the folder, newest first. */
export async function backupsIn(folder: string): Promise<readonly Backup[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Whatever else an operator keeps there.
  const names = (await readdir(folder))
    .filter((name) => named.test(name))
    .sort()
    .reverse();
  return Promise.all(
    names.map(async (name) => ({
      backupId: name.slice(0, -ending.length),
      bytes: (await stat(join(folder, name))).size,
    })),
  );
}

/**
 * Checks a backup to its end, then gives its records page by page.
 * @throws ServiceError `not_found` `no_such_backup`; `data_loss` `damaged_backup`
 */
export async function* readBackup(
  folder: string,
  ring: KeyRing,
  backupId: string,
): AsyncIterable<readonly PasswordRecord[]> {
  // Once for nothing: whoever puts records back must not find out half-way that the rest is damaged.
  for await (const _ of linesOf(folder, ring, backupId));
  for await (const line of linesOf(folder, ring, backupId)) if (Array.isArray(line)) yield line;
}

async function* linesOf(folder: string, ring: KeyRing, backupId: string): AsyncIterable<Line> {
  const file = await open(join(folder, `${backupId}${ending}`)).catch((cause: unknown) => {
    throw new ServiceError('There is no such backup.', {
      code: 'not_found',
      reason: 'no_such_backup',
      cause,
    });
  });
  let last: Line = [];
  let index = 0;
  try {
    for await (const text of file.readLines()) {
      last = JSON.parse(openLine(text, ring, `${backupId} ${index++}`)) as Line;
      yield last;
    }
  } finally {
    await file.close();
  }
  if (!('pages' in last) || last.pages !== index - 1) throw damaged(backupId, undefined);
}

function openLine(text: string, ring: KeyRing, context: string): string {
  try {
    return ring.open(text, context);
  } catch (cause) {
    if (isServiceError(cause) && cause.reason === 'key_missing') throw cause;
    throw damaged(context, cause);
  }
}

function damaged(where: string, cause: unknown): ServiceError {
  return new ServiceError(`The backup is damaged at ${where}.`, {
    code: 'data_loss',
    reason: 'damaged_backup',
    cause,
  });
}
