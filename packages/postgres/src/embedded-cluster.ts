import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { isServiceError, type ServiceError } from '@banyan/core';
import type { ServerAccount } from './embedded-account.ts';
import type { EmbeddedBinaries } from './embedded-binaries.ts';
import { isAlive } from './embedded-process.ts';
import { postgresError } from './errors.ts';

const run = promisify(execFile);
const passwordFile = 'banyan.password';

export const superuser = 'banyan';

export interface ClusterOptions {
  readonly dataDir: string;
  readonly binaries: EmbeddedBinaries;
  readonly account: ServerAccount;
  readonly durable: boolean;
  readonly onProgress: (step: string) => void;
}

/**
 * Makes the data folder if it is not there, complete or not at all: a power cut or a second process in the middle
 * leaves no half of one. Returns the superuser's password.
 */
export async function prepareCluster(options: ClusterOptions): Promise<string> {
  const { dataDir, binaries, account } = options;
  try {
    const entries = await listFolder(dataDir);
    if (entries.length === 0) await createCluster(options);
    else if (!entries.includes('PG_VERSION')) {
      throw unusable(`${dataDir} is no PostgreSQL data folder and not empty.`);
    }
    const version = (await readFile(join(dataDir, 'PG_VERSION'), 'utf8')).trim();
    if (version !== binaries.majorVersion) {
      throw unusable(
        `${dataDir} was made by PostgreSQL ${version}, this is ${binaries.majorVersion}: dump it with the old version, or start afresh with banyan reset.`,
      );
    }
    await giveTo(account, dataDir);
    return await readPassword(dataDir);
  } catch (error) {
    throw toClusterError(error, dataDir);
  }
}

export async function readPassword(dataDir: string): Promise<string> {
  return (await readFile(join(dataDir, passwordFile), 'utf8')).trim();
}

/** Whether the server remembers where captures stand. */
export async function holdsSlots(dataDir: string): Promise<boolean> {
  return (await listFolder(join(dataDir, 'pg_replslot'))).length > 0;
}

/** Data that an ordinary user made, now used by root. */
async function giveTo({ owner }: ServerAccount, dataDir: string): Promise<void> {
  if (owner === undefined || (await stat(dataDir)).uid === owner.uid) return;
  await run('chown', ['-R', `${owner.uid}:${owner.gid}`, dataDir]);
}

async function createCluster({
  dataDir,
  binaries,
  account,
  durable,
  onProgress,
}: ClusterOptions): Promise<void> {
  onProgress('creating the database files');
  await removeDeadDrafts(dataDir);
  const draft = `${dataDir}.new-${process.pid}-${randomBytes(4).toString('hex')}`;
  const password = randomBytes(24).toString('base64url');
  await mkdir(draft, { recursive: true, mode: 0o700 });
  try {
    // initdb insists on an empty folder and reads the password from a file that its user can read.
    const secret = `${draft}.password`;
    await writeFile(secret, password, { mode: 0o600 });
    if (account.owner !== undefined) {
      await Promise.all(
        [draft, secret].map((path) => chown(path, account.owner?.uid ?? 0, account.owner?.gid ?? 0)),
      );
    }
    const { file, parameters, user } = account.command(binaries.initdb, [
      `--pgdata=${draft}`,
      `--username=${superuser}`,
      `--pwfile=${secret}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
      '--no-instructions',
      ...(durable ? [] : ['--no-sync']),
    ]);
    try {
      await run(file, [...parameters], { ...user, cwd: '/' });
    } finally {
      await rm(secret, { force: true });
    }
    await writeFile(join(draft, passwordFile), `${password}\n`, { mode: 0o600 });
    await moveIntoPlace(draft, dataDir);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function moveIntoPlace(draft: string, dataDir: string): Promise<void> {
  try {
    await rename(draft, dataDir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another process was faster: its folder counts.
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}

/** What processes that died in the middle have left. */
async function removeDeadDrafts(dataDir: string): Promise<void> {
  const folder = dirname(dataDir);
  const prefix = `${basename(dataDir)}.new-`;
  for (const entry of await listFolder(folder)) {
    if (!entry.startsWith(prefix) || isAlive(Number.parseInt(entry.slice(prefix.length), 10))) continue;
    await rm(join(folder, entry), { recursive: true, force: true });
  }
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function unusable(message: string): ServiceError {
  return postgresError('data_unusable', { message });
}

/** One line for whoever started the system; the program's own words go into the cause. */
export function toClusterError(cause: unknown, dataDir: string): unknown {
  if (isServiceError(cause)) return cause;
  const { code, message = '', stderr = '' } = cause as NodeJS.ErrnoException & { readonly stderr?: string };
  const text = `${message}\n${stderr}`;
  const disk = dirname(dataDir);
  if (code === 'ENOSPC' || code === 'EDQUOT' || text.includes('No space left on device')) {
    return postgresError('database_disk_full', {
      message: `The disk of ${disk} is full: PostgreSQL needs about 60 MB to start.`,
      cause,
    });
  }
  if (
    code === 'EACCES' ||
    code === 'EPERM' ||
    code === 'EROFS' ||
    /Permission denied|Read-only file/.test(text)
  ) {
    return postgresError('data_not_writable', {
      message: `The folder ${disk} cannot be written by this user.`,
      cause,
    });
  }
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    return postgresError('data_unusable', { message: `${dataDir} is no folder.`, cause });
  }
  if (text.includes('spawn') && text.includes('ENOENT')) {
    return postgresError('embedded_unsupported', {
      message:
        'The embedded PostgreSQL needs glibc, which this system lacks (Alpine?): set DATABASE_URL instead.',
      cause,
    });
  }
  if (text.includes('could not look up effective user ID')) {
    return postgresError('embedded_user', {
      message:
        'PostgreSQL runs only for users with a name: give this user id an entry in /etc/passwd, or set DATABASE_URL.',
      cause,
    });
  }
  const [, reason] = /(?:error|FATAL): +(.*)/.exec(text) ?? [];
  return postgresError('embedded_start_failed', {
    message: `The embedded PostgreSQL did not start${reason === undefined ? '' : `: ${reason}`}.`,
    cause,
  });
}
