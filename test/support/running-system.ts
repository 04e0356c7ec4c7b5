import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { lastFirst, temporaryFolder, type Undoing, untilPasses } from '@banyan/testing';

const main = fileURLToPath(new URL('../../packages/banyan/src/main.ts', import.meta.url));
export const foodToGoDirectory = fileURLToPath(new URL('../../systems/food-to-go/', import.meta.url));
export const photoPrintDirectory = fileURLToPath(new URL('../../systems/photo-print/', import.meta.url));

/** The command line in a process of its own, as a user runs it. */
export interface CommandRun {
  readonly process: ChildProcess;
  /** Everything on stdout and stderr so far. */
  output(): string;
  /** Process id of the console that it has started, if that runs. */
  consolePid(): number | undefined;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

export function runBanyan(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  standardInput?: string,
): CommandRun {
  const child = spawn(process.execPath, [main, ...words], {
    stdio: [standardInput === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    // Tests of the console say so.
    env: { ...process.env, NODE_OPTIONS: '', CONSOLE_PORT: 'off', ...environment },
  });
  child.stdin?.end(standardInput);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  return {
    process: child,
    output: () => text,
    consolePid: () => [...childrenOf(child.pid ?? 0, 'console').values()][0],
    exited: new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal }))),
  };
}

export interface RunningSystem extends CommandRun {
  readonly url: string;
  /** Undefined unless `CONSOLE_PORT` of its environment says otherwise. */
  readonly consoleUrl: string | undefined;
  readonly dataFolder: string;
  /** Process ids of the children of `--split`, by the parts that they host. */
  children(): ReadonlyMap<string, number>;
  /** Ctrl-C, and wait. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** The system's folder. Default: photo-print. */
  readonly directory?: string;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly dataFolder?: string;
}

/** Starts a system with data of its own and waits until its page can be opened; stopped, and then removed, after the test. A data folder of the
 * test's own comes from `temporaryFolder(t)`, which keeps it until the system has stopped. */
export async function startSystem(t: Undoing, options: StartOptions = {}): Promise<RunningSystem> {
  const dataFolder = options.dataFolder ?? (await temporaryFolder(t, 'e2e'));
  const directory = options.directory ?? photoPrintDirectory;
  const words = ['up', '--dir', directory, '--data', dataFolder, '--port', '0', '--no-watch'];
  const run = runBanyan([...words, ...(options.flags ?? [])], options.environment);
  const stop = async () => {
    run.process.kill('SIGINT');
    await run.exited;
  };
  lastFirst(t).after(stop);
  const url = await waitFor(() => /(?:Page|Gateway)\s+(http:\/\/\S+?)\/?\s/.exec(run.output())?.[1], {
    what: 'the page address',
    run,
  });
  const consoleUrl = consoleUrlIn(run);
  const pid = run.process.pid ?? 0;
  return {
    ...{ ...run, url, consoleUrl, dataFolder, stop },
    children: () => childrenOf(pid, 'serve'),
  };
}

export const startPhotoPrint = startSystem;

/** Address of the console of a system that was started with one. */
export function consoleOf(run: CommandRun): string {
  const url = consoleUrlIn(run);
  if (url === undefined) throw new Error(`no console:\n${run.output()}`);
  return url;
}

/** Resolves once `url` answers with 200. @throws what `runs` have said, if it does not in time */
export async function untilAnswers(url: string, ...runs: readonly CommandRun[]): Promise<void> {
  await untilPasses(async () => {
    const answer = await fetch(url).catch(() => undefined);
    assert.equal(answer?.status, 200, [url, ...runs.map((run) => run.output())].join('\n'));
  });
}

function consoleUrlIn(run: CommandRun): string | undefined {
  return /Console\s+(http:\/\/\S+?)\/?\s/.exec(run.output())?.[1];
}

async function waitFor<Value>(
  read: () => Value | undefined,
  { what, run }: { readonly what: string; readonly run: CommandRun },
): Promise<Value> {
  let ended = false;
  void run.exited.then(() => {
    ended = true;
  });
  for (const endMs = Date.now() + 60_000; ; ) {
    const value = read();
    if (value !== undefined) return value;
    if (ended || Date.now() > endMs) throw new Error(`no ${what}:\n${run.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The words after `verb` in the command lines of child processes, read from /proc. */
function childrenOf(parent: number, verb: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) !== parent) continue;
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      const start = words.indexOf(verb);
      if (start > 0) found.set(words.slice(start + 1, words.indexOf('--dir')).join(','), Number(name));
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return found;
}
