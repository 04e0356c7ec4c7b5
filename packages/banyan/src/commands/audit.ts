import { ls, verify } from '../audit-verbs/verbs.ts';
import type { CommandInput } from '../command-line.ts';
import { runVerb } from '../run-verb.ts';
import type { Terminal } from '../terminal.ts';

const verbs = { ls, verify };

/** `banyan audit`. */
export function audit(input: CommandInput, terminal: Terminal): Promise<number> {
  return runVerb({ command: 'audit', verbs, preset: 'ls' }, input, terminal);
}
