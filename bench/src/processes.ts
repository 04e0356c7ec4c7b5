import { type ChildProcess, fork } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Starts a module in a process of its own, on one CPU where there are two: sides that share one by chance are another benchmark. */
export function startPinned(module: URL, words: readonly string[], cpu: number): ChildProcess {
  const isPinned = process.platform === 'linux' && cpus().length > 1;
  const pin = isPinned
    ? { execPath: '/usr/bin/taskset', execArgv: ['-c', String(cpu), process.execPath] }
    : {};
  return fork(fileURLToPath(module), [...words], pin);
}

/** The first message of a child. */
export function messageOf<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as Message));
    child.once('exit', (code) => reject(new Error(`a worker ended with code ${code} before it answered`)));
  });
}
