import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What the server's lock file says, and what the machine says about it. */
export interface ServerProcess {
  readonly pid: number;
  readonly port: number;
  readonly socketFolder: string;
  /** False while it starts, recovers or stops. */
  readonly isReady: boolean;
  /** The process that started it, or whoever inherited it after that one's end. */
  readonly parentPid: number;
}

export type LockState =
  | { readonly kind: 'none' }
  /** The server of the lock file is gone; PostgreSQL clears that up by itself. */
  | { readonly kind: 'stale' }
  /** The process id now belongs to another program, which PostgreSQL would take for a running server. */
  | { readonly kind: 'reused' }
  /** Half written: by a server that starts just now, or before a power cut. */
  | { readonly kind: 'torn' }
  | { readonly kind: 'running'; readonly server: ServerProcess };

/** Compares `postmaster.pid` with the processes that really run. */
export async function readLock(dataDir: string): Promise<LockState> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    },
  );
  if (text === undefined) return { kind: 'none' };
  const [pidLine = '', , , port = '', socketFolder = '', , , status = ''] = text.split('\n');
  const pid = Number(pidLine);
  if (!Number.isInteger(pid) || pid <= 0) return { kind: 'torn' };
  const found = await readProcess(pid);
  if (found === undefined) return { kind: 'stale' };
  if (!found.isServerOf(await realpath(dataDir))) return { kind: 'reused' };
  return {
    kind: 'running',
    server: {
      pid,
      port: Number(port),
      socketFolder: socketFolder.trim(),
      isReady: status.trim() === 'ready',
      parentPid: found.parentPid,
    },
  };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

interface FoundProcess {
  readonly parentPid: number;
  isServerOf(dataDir: string): boolean;
}

/** Undefined for a process that has ended, also if nobody has collected it yet. */
async function readProcess(pid: number): Promise<FoundProcess | undefined> {
  if (!isAlive(pid)) return undefined;
  try {
    return existsSync('/proc/self/stat') ? await readProcFolder(pid) : await askPs(pid);
  } catch (error) {
    if (isAlive(pid)) throw error;
    return undefined;
  }
}

async function readProcFolder(pid: number): Promise<FoundProcess | undefined> {
  const [state, parentPid] = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
  if (state === 'Z' || state === 'X') return undefined;
  // PostgreSQL makes the data folder its working directory. Other users' processes hide theirs: not ours then.
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return { parentPid: Number(parentPid), isServerOf: (dataDir) => folder === dataDir };
}

async function askPs(pid: number): Promise<FoundProcess> {
  const { stdout } = await run('ps', ['-ww', '-o', 'ppid=,command=', '-p', String(pid)]);
  return {
    parentPid: Number.parseInt(stdout, 10),
    isServerOf: (dataDir) => stdout.includes(` -D ${dataDir} `),
  };
}
