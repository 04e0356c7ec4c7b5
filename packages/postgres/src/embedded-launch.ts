import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { type FileHandle, open, readFile, rename, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Clock, sleep } from '@banyan/core';
import type { ServerAccount } from './embedded-account.ts';
import type { EmbeddedBinaries } from './embedded-binaries.ts';
import { toClusterError } from './embedded-cluster.ts';
import { readLock } from './embedded-process.ts';
import { type ServerAddress, serverParameters } from './embedded-settings.ts';
import { postgresError } from './errors.ts';

export interface LaunchOptions {
  readonly dataDir: string;
  readonly binaries: EmbeddedBinaries;
  readonly account: ServerAccount;
  readonly address: ServerAddress;
  readonly durable: boolean;
  readonly logicalDecoding: boolean;
  readonly clock: Clock;
}

export interface RunningServer {
  /** How the process ended, in words. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

const maxLogBytes = 8 * 1024 * 1024;
const startTimeoutMs = 120_000;
const pollMs = 5;
/** Each signal asks less politely: disconnect everybody, stop without writing out, die. */
const stopSignals = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
] as const;

/** Starts the server process and resolves when it takes connections. */
export async function launch(options: LaunchOptions): Promise<RunningServer> {
  const { dataDir, clock } = options;
  const log = await openLog(dataDir);
  try {
    const logStart = (await log.stat()).size;
    const child = startProcess(options, log);
    const exited = exitOf(child);
    let status: string | undefined;
    void exited.then((text) => {
      status = text;
    });
    const deadlineMs = clock.nowMs() + startTimeoutMs;
    while (!(await isReady(dataDir, child.pid))) {
      if (status !== undefined) throw await toLaunchError(options, logStart, status);
      if (clock.nowMs() > deadlineMs) {
        await stopProcess(child, exited, options);
        throw await toLaunchError(options, logStart, `not ready after ${startTimeoutMs} ms`);
      }
      await sleep(pollMs, clock);
    }
    const watchdog = startWatchdog(child);
    // A program that has nothing else to do may end; the watchdog then stops the server.
    child.unref();
    void exited.then(() => watchdog?.kill('SIGKILL'));
    return { exited, stop: () => stopProcess(child, exited, options) };
  } finally {
    await log.close();
  }
}

function startProcess(
  { dataDir, binaries, account, address, durable, logicalDecoding }: LaunchOptions,
  log: FileHandle,
): ChildProcess {
  const { file, parameters, user } = account.command(
    binaries.postgres,
    serverParameters(dataDir, address, { durable, logicalDecoding }),
  );
  return spawn(file, parameters, {
    ...user,
    cwd: '/',
    // A process group of its own: Ctrl-C in the terminal reaches the services, which still need the database.
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
}

/**
 * Ends the server when this process is killed: its end of the pipe then closes, whatever the reason. A shell is all it
 * takes; where there is none, the next start stops what was left.
 */
function startWatchdog(server: ChildProcess): ChildProcess | undefined {
  if (process.platform === 'win32') return undefined;
  const watchdog = spawn('/bin/sh', ['-c', 'read _; kill -INT "$1"', 'banyan-watchdog', String(server.pid)], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // No shell, or already gone: both are covered by the next start.
  watchdog.on('error', () => undefined);
  watchdog.stdin?.on('error', () => undefined);
  watchdog.unref();
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
  return watchdog;
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

async function isReady(dataDir: string, pid: number | undefined): Promise<boolean> {
  const lock = await readLock(dataDir);
  return lock.kind === 'running' && lock.server.pid === pid && lock.server.isReady;
}

async function stopProcess(
  child: ChildProcess,
  exited: Promise<string>,
  { binaries, clock }: LaunchOptions,
): Promise<void> {
  child.ref();
  let isGone = false;
  void exited.then(() => {
    isGone = true;
  });
  for (const [signal, patienceMs] of stopSignals) {
    const deadlineMs = clock.nowMs() + patienceMs;
    // Windows knows no signals; PostgreSQL brings its own there.
    if (process.platform === 'win32')
      await promisify(execFile)(binaries.pgCtl, ['kill', signal.slice(3), String(child.pid)]);
    else child.kill(signal);
    while (!isGone && clock.nowMs() < deadlineMs) await Promise.race([exited, sleep(50, clock)]);
    if (isGone) return;
  }
}

async function openLog(dataDir: string): Promise<FileHandle> {
  const path = join(dirname(dataDir), 'log', 'postgres.log');
  try {
    const { size } = await stat(path).catch(() => ({ size: 0 }));
    if (size > maxLogBytes) await rename(path, `${path}.1`);
    return await open(path, 'a+');
  } catch (error) {
    throw toClusterError(error, dataDir);
  }
}

/** PostgreSQL says why in its log, in English: message texts are the only codes there are before it takes connections. */
async function toLaunchError(
  { dataDir, address }: LaunchOptions,
  logStart: number,
  status: string,
): Promise<unknown> {
  const path = join(dirname(dataDir), 'log', 'postgres.log');
  const text = (await readFile(path)).toString('utf8', logStart);
  const cause = new Error(`postgres ended (${status}): ${text.trim()}`);
  if (/Address already in use|could not create any TCP/.test(text)) {
    return postgresError('database_port_taken', {
      message: `Port ${address.port} on 127.0.0.1 is in use: choose another one for PostgreSQL.`,
      cause,
    });
  }
  if (/lock file .* already exists|pre-existing shared memory block/.test(text)) {
    return postgresError('database_in_use', { cause });
  }
  return toClusterError(cause, dataDir);
}
