import type { CommandInput } from '../command-line.ts';
import { audit, dismiss, ls, show } from '../flow-verbs/verbs.ts';
import { runVerb } from '../run-verb.ts';
import type { Terminal } from '../terminal.ts';

const verbs = { ls, show, dismiss, audit };

/** `banyan flow`. */
export function flow(input: CommandInput, terminal: Terminal): Promise<number> {
  return runVerb({ command: 'flow', verbs, preset: 'ls' }, input, terminal);
}
