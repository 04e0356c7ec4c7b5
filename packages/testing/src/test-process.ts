import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ProcessPlan, ProcessReady } from './process-main.ts';

/** Parts of a test's system in a process of their own. */
export interface TestProcess {
  readonly pid: number;
  /** Of the gateway, if it is one of the parts. */
  readonly publicUrl: string | undefined;
  /** Ends it at once, whatever it is doing, and waits until it is gone. */
  kill(): Promise<void>;
}

/**
 * Resolves when the parts are ready.
 * @throws Error with what the process said before it ended
 */
export async function forkProcess(plan: ProcessPlan): Promise<TestProcess> {
  // JavaScript, once the package is installed.
  const child = fork(new URL(`./process-main${extname(import.meta.url)}`, import.meta.url), {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'exit');
  child.once('message', () => child.send(plan));
  const ready = await Promise.race([readiness(child), ended.then(() => undefined)]);
  if (ready === undefined || child.pid === undefined)
    throw new Error(`The process ended before it was ready: ${said}`);
  return {
    pid: child.pid,
    publicUrl: ready.publicUrl,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function readiness(child: ChildProcess): Promise<ProcessReady> {
  return new Promise((resolve) => {
    child.on('message', (message) => {
      if (typeof message === 'object') resolve(message as ProcessReady);
    });
  });
}

/** A module as it can be imported by another process. */
export function toModuleUrl(definedAt: string): string {
  return definedAt.startsWith('file:') ? definedAt : pathToFileURL(definedAt).href;
}
