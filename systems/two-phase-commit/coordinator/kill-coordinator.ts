import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BankUrls } from './banks.ts';

export interface StoppedCoordinator {
  /** kill -9; resolves when the process is gone. */
  kill(): Promise<void>;
}

/** A coordinator in a process of its own that has come to `step` and goes no further. */
export async function startUntil(
  { north, south, log }: BankUrls,
  step: 'prepared' | 'decided',
): Promise<StoppedCoordinator> {
  const program = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(process.execPath, [program, north, south, log, step], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('The coordinator ended by itself.'))),
  ]);
  return {
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
