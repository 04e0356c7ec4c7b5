import { createInterface } from 'node:readline/promises';
import manifest from '../package.json' with { type: 'json' };
import { runCommandLine } from './command-line.ts';
import type { Terminal } from './terminal.ts';

const terminal: Terminal = {
  version: manifest.version,
  workingDirectory: process.cwd(),
  // biome-ignore lint/style/noProcessEnv: the one place that reads it; everything else gets it passed.
  environment: process.env,
  interactive: process.stdout.isTTY === true,
  changeDirectory: (path) => process.chdir(path),
  write: (text) => void process.stdout.write(text),
  fail: (message) => void process.stderr.write(`banyan: ${message}\n`),
  async confirm(question) {
    if (process.stdin.isTTY !== true) return false;
    const prompt = createInterface({ input: process.stdin, output: process.stdout });
    const answer = await prompt.question(`${question} [y/N] `);
    prompt.close();
    return /^y(es)?$/i.test(answer.trim());
  },
  get stopRequested() {
    stopRequested ??= new Promise((resolve) => {
      // Handlers stay: a second Ctrl-C, or npm passing the first one on, must not cut the drain short.
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
        process.on(signal, () => resolve(signal));
    });
    return stopRequested;
  },
};
let stopRequested: Promise<string> | undefined;

// A reader that goes away (`banyan routes | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2), terminal);
