import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isServiceError, ServiceError } from '@banyan/core';

/** The `.banyan/` folder of a system: everything that a run on this machine keeps. Safe to delete while nothing runs. */
export interface DataFolder {
  readonly path: string;
  readonly postgres: string;
  readonly logFile: string;
  /** What services keep beside their databases. */
  readonly files: string;
}

/** @throws ServiceError `failed_precondition` `data_folder_unusable` if it cannot be made or written */
export async function openDataFolder(path: string): Promise<DataFolder> {
  try {
    await mkdir(join(path, 'log'), { recursive: true });
  } catch (cause) {
    throw unusable(path, cause);
  }
  return dataFolderAt(path);
}

/** The folder as it is: nothing is made. */
export function dataFolderAt(path: string): DataFolder {
  return {
    path,
    postgres: join(path, 'postgres'),
    logFile: join(path, 'log', 'banyan.log'),
    files: join(path, 'files'),
  };
}

/** The system's secret (32 bytes, base64url), made at the first call and kept in a file that only its owner may read. */
export async function readOrCreateSecret(folder: DataFolder): Promise<string> {
  const file = join(folder.path, 'secret');
  try {
    await writeFile(file, `${randomBytes(32).toString('base64url')}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(file, error);
  }
  return (await readSecret(folder)) ?? '';
}

/** The system's secret; undefined if this folder has none. */
export async function readSecret(folder: DataFolder): Promise<string | undefined> {
  const file = join(folder.path, 'secret');
  const secret = (
    await readFile(file, 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return undefined;
      throw unusable(file, error);
    })
  )?.trim();
  if (secret === undefined) return undefined;
  if (Buffer.from(secret, 'base64url').length < 32) {
    throw new ServiceError(`${file} is damaged. Run 'banyan reset', or put back the file from a backup.`, {
      code: 'failed_precondition',
      reason: 'data_folder_unusable',
    });
  }
  return secret;
}

/**
 * Makes this process the only one that runs the system in this folder.
 * @returns a function that gives the lock back
 * @throws ServiceError `failed_precondition` `already_running` with the other process's id
 */
export async function lockDataFolder(folder: DataFolder): Promise<() => Promise<void>> {
  const file = join(folder.path, 'up.lock');
  for (;;) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(`${process.pid}\n`);
      await handle.close();
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(file, error);
    }
    const owner = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
    if (isAlive(owner)) {
      throw new ServiceError(
        `This system is already running here (process ${owner}). Stop it first, or use another folder.`,
        { code: 'failed_precondition', reason: 'already_running' },
      );
    }
    await rm(file, { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: somebody else's process, but a living one.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function unusable(path: string, cause: unknown): ServiceError {
  if (isServiceError(cause)) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  const why =
    code === 'ENOSPC'
      ? 'the disk is full'
      : code === 'EACCES' || code === 'EROFS'
        ? 'it may not be written'
        : code;
  return new ServiceError(`Cannot use ${path}: ${why}.`, {
    code: 'failed_precondition',
    reason: 'data_folder_unusable',
    cause,
  });
}
