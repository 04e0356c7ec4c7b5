import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@banyan/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

/** Why tests of faults must be left out on this machine, or false. */
export const lacksServer = spawnSync('nats-server', ['--version']).error !== undefined && 'needs nats-server';

/** A NATS server with JetStream of this test's own, in a folder of its own. */
export interface OwnServer {
  readonly url: string;
  readonly port: number;
  start(): Promise<void>;
  /** @param signal `SIGKILL` stops it as a crash would */
  stop(signal?: NodeJS.Signals): Promise<void>;
  pause(): void;
  resume(): void;
  /** Has it read its configuration again. */
  reload(): void;
  /** Keeps a copy of the store; the server must be stopped. */
  saveStore(): Promise<void>;
  /** Puts the store back to the copy; the server must be stopped. */
  restoreStore(): Promise<void>;
  remove(): Promise<void>;
}

export const ownFolder = () => mkdtemp(join(tmpdir(), 'banyan-nats-'));

/** @param given a folder whose `server.conf` the server is to read, with `jetstream { store_dir }` in its `store` */
export async function startOwnServer(flags: readonly string[] = [], given?: string): Promise<OwnServer> {
  const folder = given ?? (await ownFolder());
  const store = join(folder, 'store');
  const copy = join(folder, 'copy');
  const configuration = given === undefined ? ['-js', '-sd', store] : ['-c', join(given, 'server.conf')];
  const port = await freePort();
  let child: ChildProcess | undefined;
  const server: OwnServer = {
    url: `nats://127.0.0.1:${port}`,
    port,
    async start() {
      const address = ['-a', '127.0.0.1', '-p', String(port)];
      child = spawn('nats-server', [...address, ...configuration, ...flags], { stdio: 'ignore' });
      await waitUntilReady(port, child);
    },
    async stop(signal = 'SIGTERM') {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill(signal);
      await exit;
    },
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    reload: () => void child?.kill('SIGHUP'),
    saveStore: () => cp(store, copy, { recursive: true }),
    async restoreStore() {
      await rm(store, { recursive: true });
      await cp(copy, store, { recursive: true });
    },
    async remove() {
      await server.stop('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

async function waitUntilReady(port: number, child: ChildProcess): Promise<void> {
  const endsAtMs = Date.now() + 60_000;
  for (;;) {
    try {
      const nc = await connect({
        servers: `127.0.0.1:${port}`,
        user: 'test',
        pass: 'test',
        reconnect: false,
        timeout: 1_000,
      });
      try {
        await jetstreamManager(nc, { timeout: 1_000 });
        return;
      } finally {
        await nc.close();
      }
    } catch (error) {
      if (Date.now() > endsAtMs || child.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
