import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http2';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '@banyan/testing';
import * as restate from '@restatedev/restate-sdk';
import { Pool } from 'undici';
import type { SagaStack } from './stack.ts';

const three = restate.service({
  name: 'three',
  handlers: {
    async run(context: restate.Context, orderId: number) {
      for (const name of ['one', 'two', 'three']) await context.run(name, () => ({ name, orderId }));
    },
  },
});

/** Of the server, so that its CPU time counts. */
export const restateProcess = 'restate-server';

/**
 * A handler of three steps that do nothing but are journaled, in this process; the server beside it, with two partitions, which were its best setting
 * (baselines-durable.md).
 */
export async function startRestate(): Promise<SagaStack> {
  const handler = restate.createEndpointHandler({ services: [three], logger: () => {} });
  const handlers = createServer(handler).listen(0, '127.0.0.1');
  await once(handlers, 'listening');
  const { port } = handlers.address() as AddressInfo;
  const folder = await mkdtemp(join(tmpdir(), 'banyan-bench-restate-'));
  const [ingress = 0, admin = 0, node = 0] = await freePorts(3);
  const server = startServer(folder, { ingress, admin, node });
  await register(`http://127.0.0.1:${admin}`, `http://127.0.0.1:${port}`);
  const pool = new Pool(`http://127.0.0.1:${ingress}`, { connections: 64 });
  return {
    async runOne(index) {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: '/three/run',
        headers: { 'content-type': 'application/json' },
        body: String(index),
      });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`restate answered ${statusCode}: ${text}`);
    },
    async stop() {
      await pool.close();
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
      handlers.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Ports {
  readonly ingress: number;
  readonly admin: number;
  readonly node: number;
}

function startServer(folder: string, { ingress, admin, node }: Ports): ChildProcess {
  const main = createRequire(import.meta.url).resolve('@restatedev/restate-server/lib/index.js');
  const { resolve } = createRequire(main);
  const platform = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  return spawn(resolve(`${platform}/bin/restate-server`), ['--no-logo', '--listen-mode', 'tcp'], {
    cwd: folder,
    stdio: 'ignore',
    env: {
      ...process.env,
      RESTATE_BASE_DIR: folder,
      RESTATE_LOG_FILTER: 'error',
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_DEFAULT_NUM_PARTITIONS: '2',
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    },
  });
}

/** The server takes deployments once it is up. */
async function register(adminUrl: string, uri: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await fetch(`${adminUrl}/deployments`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ uri }),
      });
      if (response.ok) return;
      if (attempt > 100) throw new Error(`restate refuses the deployment: ${await response.text()}`);
    } catch (error) {
      if (attempt > 100) throw error;
    }
    await pause(200);
  }
}
