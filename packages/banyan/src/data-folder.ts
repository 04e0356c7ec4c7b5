import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
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

export function unusable(path: string, cause: unknown): ServiceError {
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
