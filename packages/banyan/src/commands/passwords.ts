import type { CommandInput } from '../command-line.ts';
import { backup, check, ls, repair, restore } from '../password-verbs/verbs.ts';
import { runVerb } from '../run-verb.ts';
import type { Terminal } from '../terminal.ts';

const verbs = { check, backup, ls, repair, restore };

/** `banyan passwords`. */
export function passwords(input: CommandInput, terminal: Terminal): Promise<number> {
  return runVerb({ command: 'passwords', verbs, preset: 'check' }, input, terminal);
}
