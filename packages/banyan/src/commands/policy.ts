import type { CommandInput } from '../command-line.ts';
import { check } from '../policy-verbs/check.ts';
import { explain, explainFile } from '../policy-verbs/explain.ts';
import { history, ls, revert, set, show } from '../policy-verbs/operate.ts';
import { runVerb } from '../run-verb.ts';
import type { Terminal } from '../terminal.ts';

const verbs = { ls, show, set, history, revert, explain };

/** `banyan policy`. What needs no running system does not look for one. */
export function policy(input: CommandInput, terminal: Terminal): Promise<number> {
  const [verb] = input.positionals;
  if (verb === 'check') return check(input, terminal);
  if (verb === 'explain' && input.options['file'] !== undefined) return explainFile(input, terminal);
  return runVerb({ command: 'policy', verbs, preset: 'ls' }, input, terminal);
}
