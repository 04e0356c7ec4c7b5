import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestLine } from './events.ts';

const reporter = fileURLToPath(new URL('./events.ts', import.meta.url));

export interface FileOptions {
  /** The working directory, and what file names are printed relative to. */
  readonly root: string;
  /** Folder for the file's report; the caller makes and removes it. */
  readonly scratch: string;
  readonly timeoutMs: number;
  /** How long the process may live on when all its tests have ended. */
  readonly lingerMs: number;
  /** Runs only tests whose name matches. */
  readonly only: string | undefined;
  readonly signal: AbortSignal;
}

export interface FileResult {
  /** Relative to the root. */
  readonly file: string;
  readonly passed: number;
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  readonly failed: readonly { readonly name: string; readonly error: string }[];
  /** What the file printed. */
  readonly output: string;
  readonly durationMs: number;
}

/** Runs one test file in a process of its own, which ends with everything it started after `timeoutMs`, or `lingerMs` after its last test. Never rejects. */
export async function runFile(file: string, options: FileOptions): Promise<FileResult> {
  const startMs = Date.now();
  const name = path.relative(options.root, file);
  const report = path.join(options.scratch, `${name.replaceAll(path.sep, '+')}.ndjson`);
  const child = spawn(process.execPath, [...flags(report, options.only), file], {
    cwd: options.root,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own group, so that a test that hangs ends together with the processes that it started.
    detached: process.platform !== 'win32',
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  const end = await untilEnd(child, report, options);
  const lines = readLines(report);
  const failed = lines.filter((line) => line.kind === 'failed');
  const passed = lines.filter((line) => line.kind === 'passed').length;
  const skipped = lines.filter((line) => line.kind === 'skipped');
  const wrong = whatIsWrong(end, lines, options);
  if (wrong !== undefined) failed.push({ kind: 'failed', name: '(the file)', error: wrong });
  return { file: name, passed, skipped, failed, output: end.output, durationMs: Date.now() - startMs };
}

function flags(report: string, only: string | undefined): string[] {
  const reporting = ['--test-reporter', reporter, '--test-reporter-destination', report];
  return only === undefined ? reporting : [...reporting, '--test-name-pattern', only];
}

interface End {
  readonly output: string;
  readonly exitCode: number | null;
  /** Why the process had to be ended, if it had to. */
  readonly overdue: 'timeout' | 'lingering' | undefined;
}

function untilEnd(
  child: ChildProcess,
  report: string,
  { timeoutMs, lingerMs, signal }: FileOptions,
): Promise<End> {
  return new Promise((resolve) => {
    let output = '';
    let overdue: End['overdue'];
    const keep = (chunk: Buffer) => {
      output += chunk.toString('utf8');
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    const endIt = (reason: End['overdue']) => {
      overdue = reason;
      killGroup(child);
    };
    const timer = setTimeout(() => endIt('timeout'), timeoutMs);
    const isLingering = createLingerWatch(report, lingerMs);
    const watch = setInterval(() => isLingering() && endIt('lingering'), Math.min(1_000, lingerMs));
    const onAbort = () => killGroup(child);
    signal.addEventListener('abort', onAbort);
    const finish = (exitCode: number | null) => {
      clearTimeout(timer);
      clearInterval(watch);
      signal.removeEventListener('abort', onAbort);
      resolve({ output, exitCode, overdue });
    };
    child.on('error', (error) => {
      output += String(error);
      finish(null);
    });
    child.on('close', finish);
    if (signal.aborted) onAbort();
  });
}

/** @returns whether every test that began has ended, and nothing was reported for `lingerMs` since */
function createLingerWatch(report: string, lingerMs: number): () => boolean {
  let reported = 0;
  let sinceMs = performance.now();
  return () => {
    const lines = readLines(report);
    if (lines.length !== reported) {
      reported = lines.length;
      sinceMs = performance.now();
    }
    const begun = lines.filter(({ kind }) => kind === 'begun').length;
    return begun > 0 && lines.length - begun >= begun && performance.now() - sinceMs >= lingerMs;
  };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readLines(report: string): TestLine[] {
  let text: string;
  try {
    text = readFileSync(report, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  // A killed process may leave half a line at the end.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TestLine);
}

/** What the tests themselves could not report: a hang, a crash, a file without tests. */
function whatIsWrong(end: End, lines: readonly TestLine[], options: FileOptions): string | undefined {
  if (options.signal.aborted) return 'interrupted';
  const leftOpen = 'something was left open (a server, a timer, a pool)';
  if (end.overdue === 'lingering')
    return `did not end within ${options.lingerMs / 1000} s after its last test; ${leftOpen}`;
  const ended = lines.filter((line) => line.kind !== 'begun');
  if (end.overdue === 'timeout') {
    const names = new Set(ended.map((line) => line.name));
    const running = lines.filter((line) => line.kind === 'begun' && !names.has(line.name));
    const what =
      running.length === 0
        ? `all reported tests had ended, so ${leftOpen}`
        : `still running: ${running.map((line) => line.name).join(' · ')}`;
    return `did not end within ${options.timeoutMs / 1000} s; ${what}`;
  }
  if (end.exitCode !== 0 && !ended.some((line) => line.kind === 'failed')) {
    return `ended with exit code ${end.exitCode ?? 'none'} outside of any test`;
  }
  if (ended.every(({ kind }) => kind === 'ended') && options.only === undefined) return 'has no test';
  return undefined;
}
