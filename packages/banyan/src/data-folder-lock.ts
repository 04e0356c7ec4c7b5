import { createHash, randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError, sleep, systemClock } from '@banyan/core';
import { type DataFolder, unusable } from './data-folder.ts';

const guardPollMs = 10;

/**
 * Makes this process the only one that runs the system in this folder.
 * @returns a function that gives the lock back
 * @throws ServiceError `failed_precondition` `already_running` with the other process's id
 */
export async function lockDataFolder(folder: DataFolder): Promise<() => Promise<void>> {
  const file = join(folder.path, 'up.lock');
  const mark = randomBytes(8).toString('hex');
  const own = `${file}-${mark}`;
  try {
    // Complete before it has the name that others look at: none of them ever reads half a lock.
    await writeFile(own, `${process.pid} ${(await beginOf(process.pid)) ?? '-'} ${mark}\n`, { flag: 'wx' });
    const owner = await take(file, own);
    if (owner !== undefined) throw alreadyRunning(owner, file);
  } catch (error) {
    throw unusable(file, error);
  } finally {
    await rm(own, { force: true });
  }
  return () => rm(file, { force: true });
}

/** Gives `own` the name `file`. @returns the living process that has it, if there is one */
async function take(file: string, own: string): Promise<number | undefined> {
  while (!(await isLinked(own, file))) {
    const found = await contentOf(file);
    if (found === undefined) continue;
    const owner = await ownerIn(found);
    if (owner !== undefined) return owner;
    await removeStale(file, found, own);
  }
  return undefined;
}

async function isLinked(own: string, file: string): Promise<boolean> {
  try {
    await link(own, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Of several that find the same lock of a dead process one may remove it: whoever has the guard of that very lock. What it still finds there then is that
 * lock and no newer one, because nobody else removes it. A guard is a lock itself, and may be stale like one.
 */
async function removeStale(file: string, found: string, own: string): Promise<void> {
  const guard = `${file}.${createHash('sha256').update(found).digest('hex').slice(0, 16)}`;
  if ((await take(guard, own)) !== undefined) {
    await sleep(guardPollMs, systemClock);
    return;
  }
  if ((await contentOf(file)) === found) await rm(file, { force: true });
  await rm(guard, { force: true });
}

async function contentOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The living process that a lock names. */
async function ownerIn(lock: string): Promise<number | undefined> {
  const [pid = '', begin = '-'] = lock.trim().split(' ');
  const owner = Number.parseInt(pid, 10);
  if (!isAlive(owner)) return undefined;
  // Its id may be another process's by now.
  const beginNow = await beginOf(owner);
  return begin === '-' || beginNow === undefined || begin === beginNow ? owner : undefined;
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: somebody else's process, but a living one.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When the process began, in ticks since the machine did; undefined where there is no /proc. */
async function beginOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is a name in brackets, in which there may be blanks; the begin is the 22nd.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function alreadyRunning(owner: number, file: string): ServiceError {
  return new ServiceError(
    `This system is already running here (process ${owner}, which ${file} names). Stop it first, or use another folder.`,
    { code: 'failed_precondition', reason: 'already_running' },
  );
}
