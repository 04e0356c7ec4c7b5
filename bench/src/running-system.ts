import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../packages/banyan/src/main.ts', import.meta.url));
const photoPrint = fileURLToPath(new URL('../../systems/photo-print/', import.meta.url));

/** A system, started as a user starts it. */
export interface RunningSystem {
  readonly url: string;
  /** Until the page could be opened. */
  readonly startMs: number;
  /** Node processes of the system, without PostgreSQL. */
  usage(): Usage;
  stop(): Promise<void>;
}

export interface Usage {
  readonly processes: number;
  /** Sum of the proportional set sizes: what the processes cost the machine, pages that they share counted once. */
  readonly memoryMb: number;
  readonly cpuSeconds: number;
}

export interface StartOptions {
  /** Default: photo-print. */
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function startSystem(
  dataFolder: string,
  flags: readonly string[],
  { directory = photoPrint, environment = {} }: StartOptions = {},
): Promise<RunningSystem> {
  const startedAt = performance.now();
  const words = [
    main,
    'up',
    '--dir',
    directory,
    '--data',
    dataFolder,
    '--port',
    '0',
    '--calm',
    '--no-watch',
    ...flags,
  ];
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  const url = await readUrl(child);
  await fetch(`${url}/health/live`);
  const startMs = performance.now() - startedAt;
  return {
    url,
    startMs,
    usage: () => usageOf(child.pid ?? 0),
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

function readUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const url = /(?:Page|Gateway)\s+(http:\/\/\S+?)\/?\s/.exec(text)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the system ended with code ${code}:\n${text}`)));
  });
}

/** Read from /proc: the process and its descendants that run Node. */
function usageOf(root: number): Usage {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readStat(Number(name));
    if (stat !== undefined) parents.set(Number(name), stat.parent);
  }
  const isOurs = (pid: number): boolean => pid === root || (pid > 1 && isOurs(parents.get(pid) ?? 0));
  const own = [...parents.keys()].filter(
    (pid) => isOurs(pid) && /postgres|^sh$/.test(readStat(pid)?.name ?? 'sh') === false,
  );
  const stats = own.map((pid) => readStat(pid)).filter((stat) => stat !== undefined);
  return {
    processes: stats.length,
    memoryMb: own.reduce((sum, pid) => sum + readMemoryMb(pid), 0),
    cpuSeconds: stats.reduce((sum, stat) => sum + stat.cpuSeconds, 0),
  };
}

function readMemoryMb(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]) / 1024;
}

/** Fields of proc(5): 2 name, 4 parent, 14 and 15 CPU ticks. */
function readStat(pid: number) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const name = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const field = (number: number) => Number(fields[number - 3]);
    return {
      name,
      parent: field(4),
      cpuSeconds: (field(14) + field(15)) / 100,
    };
  } catch {
    // It ended between the listing and the reading.
    return undefined;
  }
}
