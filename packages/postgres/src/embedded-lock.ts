import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '@banyan/core';
import { isAlive, readLock } from './embedded-process.ts';
import { postgresError } from './errors.ts';

const ownerPrefix = 'banyan.owner.';
const fastShutdownMs = 10_000;
const tornLockMs = 200;

/** Notes that this process is about to run the server. One file per process: claims of two cannot overwrite each other. */
export async function claim(dataDir: string): Promise<void> {
  for (const entry of await readdir(dataDir)) {
    if (entry.startsWith(ownerPrefix) && !isAlive(Number(entry.slice(ownerPrefix.length)))) {
      await rm(join(dataDir, entry), { force: true });
    }
  }
  await writeFile(join(dataDir, `${ownerPrefix}${process.pid}`), '', { mode: 0o600 });
}

export async function release(dataDir: string): Promise<void> {
  await rm(join(dataDir, `${ownerPrefix}${process.pid}`), { force: true });
}

/**
 * Leaves no server on the data: stops one whose owner was killed, and refuses to touch one whose owner lives. The
 * owner lives exactly if it still is the server's parent process: an orphan has another parent.
 */
export async function settleLock(dataDir: string, clock: Clock): Promise<void> {
  const startedAtMs = clock.nowMs();
  for (;;) {
    const lock = await readLock(dataDir);
    if (lock.kind === 'none' || lock.kind === 'stale') return;
    const waitedMs = clock.nowMs() - startedAtMs;
    // PostgreSQL itself would refuse to start. Its shared memory still keeps a second server from the data.
    if (lock.kind === 'reused' || (lock.kind === 'torn' && waitedMs > tornLockMs)) {
      await rm(join(dataDir, 'postmaster.pid'), { force: true });
      return;
    }
    if (lock.kind === 'torn') {
      await sleep(20, clock);
      continue;
    }
    const { pid, parentPid } = lock.server;
    if (existsSync(join(dataDir, `${ownerPrefix}${parentPid}`))) {
      throw postgresError('database_in_use', {
        message: `Process ${parentPid} already runs the embedded PostgreSQL on ${dataDir}: stop it first.`,
      });
    }
    signal(pid, waitedMs < fastShutdownMs ? 'SIGINT' : 'SIGQUIT');
    await sleep(20, clock);
  }
}

function signal(pid: number, name: 'SIGINT' | 'SIGQUIT'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
