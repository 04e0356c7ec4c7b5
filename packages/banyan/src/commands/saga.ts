import type { CommandInput } from '../command-line.ts';
import { runVerb } from '../run-verb.ts';
import { check } from '../saga-verbs/check.ts';
import { audit, ls, show } from '../saga-verbs/look.ts';
import { cancel, repair, retry, skip } from '../saga-verbs/operate.ts';
import type { Terminal } from '../terminal.ts';

const verbs = { ls, show, retry, skip, cancel, repair, check, audit };

/** `banyan saga`. */
export function saga(input: CommandInput, terminal: Terminal): Promise<number> {
  return runVerb({ command: 'saga', verbs, preset: 'ls' }, input, terminal);
}
