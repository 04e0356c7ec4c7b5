import { resolve } from 'node:path';
import type { CommandInput } from './command.ts';
import type { Terminal } from './terminal.ts';

/** The folder that `--dir` names, else the working directory. */
export function systemDirectory(input: CommandInput, terminal: Terminal): string {
  const given = input.options['dir'];
  return resolve(terminal.workingDirectory, typeof given === 'string' ? given : '.');
}

/** The folder of a run's data: `--data`, `BANYAN_DATA`, else `.banyan` in the system's folder. */
export function dataDirectory(input: CommandInput, terminal: Terminal): string {
  const given = input.options['data'] ?? terminal.environment['BANYAN_DATA'];
  return typeof given === 'string'
    ? resolve(terminal.workingDirectory, given)
    : resolve(systemDirectory(input, terminal), '.banyan');
}
