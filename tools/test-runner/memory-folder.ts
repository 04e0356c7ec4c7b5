import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { freemem } from 'node:os';
import path from 'node:path';

const inMemory = '/dev/shm';
const prefix = 'banyan-tests-';
const enoughBytes = 8 * 1024 ** 3;

/**
 * A folder for the temporary files of tests that lies in memory, where Linux has enough of it; the caller removes it. A database is a thousand files: to create one
 * takes a third of the time that it takes on a disk, and a test of a system creates ten. Undefined where files must stay in the usual folder, also because
 * `TMPDIR` says so.
 */
export function makeMemoryFolder(): string | undefined {
  if (process.env['TMPDIR'] || process.platform !== 'linux' || !isRoomy()) return undefined;
  removeDead();
  const folder = mkdtempSync(path.join(inMemory, `${prefix}${process.pid}-`));
  // Like any folder for temporary files: embedded PostgreSQL servers may run as somebody else.
  chmodSync(folder, 0o1777);
  return folder;
}

/** Tests run programs that they have written, which containers often forbid there. */
function isRoomy(): boolean {
  try {
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .find((line) => line.split(' ')[1] === inMemory);
    if (mount === undefined || /\b(noexec|ro)\b/.test(mount.split(' ')[3] ?? '')) return false;
    const { bavail, bsize } = statfsSync(inMemory);
    return bavail * bsize >= enoughBytes && freemem() >= enoughBytes;
  } catch {
    // No such place, or none that this user may look at.
    return false;
  }
}

/** Left by runs that were killed. */
function removeDead(): void {
  for (const entry of readdirSync(inMemory)) {
    if (!entry.startsWith(prefix) || isAlive(Number.parseInt(entry.slice(prefix.length), 10))) continue;
    rmSync(path.join(inMemory, entry), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
