import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '@banyan/testing';

/** Why tests with a Redis of their own cannot run here; false if they can. */
export const noRedis =
  spawnSync('redis-server', ['--version']).status !== 0 &&
  'needs redis-server on the PATH (Debian: apt-get install redis-server)';

/** A Redis server that belongs to one test. */
export interface RedisServer {
  /** `redis://127.0.0.1:<port>`; the same after a restart. */
  readonly url: string;
  /** What Redis answers to a command, as text. */
  command(...words: readonly string[]): Promise<string>;
  /** Ends it as `kill -9` does; what it knew is gone, unless it is durable. */
  kill(): Promise<void>;
  /** Starts it again at the same port. */
  restart(): Promise<void>;
  /** Stops it in the middle of whatever it does (SIGSTOP): connections stay open, and nothing answers. */
  freeze(): void;
  thaw(): void;
  /** Ends it for good. Idempotent. */
  stop(): Promise<void>;
}

const startTimeoutMs = 20_000;

/**
 * A Redis on a free port of the loopback; ready when this resolves, after some 20 ms.
 * @param durable it writes each change to its log before it answers. Default: everything is in memory alone
 */
export async function startRedis({ durable = false } = {}): Promise<RedisServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'banyan-redis-'));
  const port = await freePort();
  let running = await launch(port, folder, durable);
  const kill = async () => {
    running.process.kill('SIGKILL');
    await running.ended;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    async command(...words) {
      const { stdout } = await promisify(execFile)('redis-cli', ['-p', String(port), ...words]);
      return stdout.trim();
    },
    kill,
    async restart() {
      await kill();
      running = await launch(port, folder, durable);
    },
    freeze: () => void running.process.kill('SIGSTOP'),
    thaw: () => void running.process.kill('SIGCONT'),
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(port: number, folder: string, durable: boolean) {
  const options = { '--port': String(port), '--bind': '127.0.0.1', '--dir': folder, '--save': '' };
  const log = durable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : [];
  const server = spawn('redis-server', [...Object.entries(options).flat(), ...log], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  let output = '';
  server.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const deadlineMs = performance.now() + startTimeoutMs;
  while (!output.includes('Ready to accept connections')) {
    if (server.exitCode !== null || performance.now() > deadlineMs) {
      server.kill('SIGKILL');
      throw new Error(`redis-server did not start:\n${output}`);
    }
    await sleep(5);
  }
  return { process: server, ended };
}
